package rehearsal

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// sampleRows is how many rows the larger tables of the sample have.
const sampleRows = 400

// sampleShop creates the sample. The statements suit both engines.
func sampleShop(ctx context.Context, db *sql.DB) error {
	statements := []string{
		"CREATE SCHEMA shop",
		"CREATE TABLE shop.customers (id BIGINT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120))",
		"CREATE TABLE shop.products (id BIGINT PRIMARY KEY, sku VARCHAR(20) NOT NULL, price DECIMAL(10,2) NOT NULL)",
		"CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES shop.customers (id), placed_at VARCHAR(30) NOT NULL)",
		"CREATE TABLE shop.order_lines (order_id BIGINT NOT NULL REFERENCES shop.orders (id), line INT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL, PRIMARY KEY (order_id, line))",
		insert("customers", 200, func(i int) string {
			if i%10 == 0 {
				return fmt.Sprintf("(%d, 'Customer %d', NULL)", i, i)
			}
			return fmt.Sprintf("(%d, 'Zoë Müller %d', 'c%d@example.com')", i, i, i)
		}),
		insert("products", 150, func(i int) string { return fmt.Sprintf("(%d, 'sku-%03d', %d.%02d)", i, i, i*7%90+1, i*13%100) }),
		insert("orders", sampleRows, func(i int) string {
			return fmt.Sprintf("(%d, %d, '2026-02-%02dT%02d:00:00Z')", i, i%200+1, i%28+1, i%24)
		}),
		insert("order_lines", 2*sampleRows, func(i int) string {
			return fmt.Sprintf("(%d, %d, %d, %d)", (i+1)/2, i%2+1, i%150+1, i%4+1)
		}),
	}
	return execAll(ctx, db, statements)
}

func insert(table string, n int, row func(int) string) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = row(i + 1)
	}
	return "INSERT INTO shop." + table + " VALUES " + strings.Join(rows, ", ")
}

func execAll(ctx context.Context, db *sql.DB, statements []string) error {
	for _, st := range statements {
		if _, err := db.ExecContext(ctx, st); err != nil {
			return fmt.Errorf("%.60s: %w", st, err)
		}
	}
	return nil
}

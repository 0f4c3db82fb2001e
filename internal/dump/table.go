package dump

import "strings"

// createTable goes through the columns, keys and constraints of one table.
func (e *edit) createTable() {
	open := 0
	for open < len(e.live) && !e.is(open, "(") {
		open++
	}
	end := e.closing(open)
	for from := open + 1; from < end; {
		to := e.itemEnd(from, end)
		e.item(from, to, end)
		from = to + 1
	}
}

// itemEnd is the number of the comma that ends the item, or end.
func (e *edit) itemEnd(from, end int) int {
	for k := from; k < end; k++ {
		switch {
		case e.is(k, "("):
			k = e.closing(k)
		case e.is(k, ","):
			return k
		}
	}
	return end
}

// item adapts one column, key or constraint: the live tokens from..to.
func (e *edit) item(from, to, end int) {
	first := from
	if e.is(first, "CONSTRAINT") {
		first++
		if t := e.at(first); t.kind == name || !e.isAny(first, "CHECK", "UNIQUE", "PRIMARY", "FOREIGN") {
			first++
		}
	}
	switch {
	case e.isAny(first, "CHECK"):
		e.check(from, to, end)
	case e.isAny(first, "KEY", "INDEX", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL"):
		e.refuseExpressionPart(first, to)
	case e.isAny(first, "FOREIGN"):
	default:
		e.column(from, to)
	}
}

// check drops a constraint that MySQL does not enforce: MariaDB would, and
// refuse the rows that break it.
func (e *edit) check(from, to, end int) {
	for k := from; k < to; k++ {
		if !e.is(k, notEnforced) && !e.is(k, "NOT", "ENFORCED") {
			continue
		}
		line := e.at(from).line
		was := strings.ReplaceAll(e.erase(from, to), notEnforced, "")
		e.note(line, "check that is not enforced left out", was, "")
		comma := to // the one after the item, or else the nearest one before
		if to >= end {
			for comma = from - 1; comma > 0 && e.at(comma).kind == blank; {
				comma--
			}
		}
		e.erase(comma, comma+1)
		return
	}
}

// column adapts the attributes that MariaDB spells or places otherwise.
func (e *edit) column(from, to int) {
	e.generated(from, to)
	for k := from + 1; k < to; k++ {
		switch {
		case e.is(k, "("):
			k = e.closing(k)
		case e.is(k, "SRID"), e.is(k, "STORAGE", "DISK"), e.is(k, "STORAGE", "MEMORY"):
			line := e.at(k).line
			e.note(line, "column attribute left out", e.erase(k, k+2), "")
			k++
		}
	}
}

// generated takes [NOT] NULL from a generated column, where MariaDB allows
// none; the expression gives NULL or not all the same.
func (e *edit) generated(from, to int) {
	for k := from + 1; k < to; k++ {
		if e.is(k, "(") {
			k = e.closing(k)
			continue
		}
		if !e.is(k, "AS", "(") {
			continue
		}
		for k = e.closing(k+1) + 1; k < to; k++ {
			if n := e.nullability(k); n > 0 {
				line := e.at(k).line
				e.note(line, "NOT NULL of a generated column left out", e.erase(k, k+n), "")
				return
			}
		}
	}
}

// nullability is how many tokens at k say NULL or NOT NULL.
func (e *edit) nullability(k int) int {
	switch {
	case e.is(k, "NOT", "NULL"):
		return 2
	case e.is(k, "NULL"):
		return 1
	}
	return 0
}

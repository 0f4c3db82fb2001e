package dynamodb

import (
	"regexp"
	"strconv"
	"strings"
)

var number = regexp.MustCompile(`^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$`)

// normalizeNumber writes a number as DynamoDB returns it: plain decimal digits
// without needless zeros. At most 38 significant digits, and a magnitude from
// 1E-130 to below 1E+126, are stored (DynamoDB developer guide, "Data types").
func normalizeNumber(text string) (string, error) {
	m := number.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] == "" {
		return "", invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	exponent := 0
	if m[4] != "" {
		var err error
		if exponent, err = strconv.Atoi(m[4]); err != nil {
			return "", invalid("The parameter cannot be converted to a numeric value: %s", text)
		}
	}
	digits := m[2] + m[3]
	exponent -= len(m[3]) // the value is digits × 10^exponent
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed == "" {
		return "0", nil
	}
	switch magnitude := exponent + len(trimmed) - 1; {
	case len(trimmed) > 38:
		return "", invalid("Attempting to store more than 38 significant digits in a Number")
	case magnitude > 125:
		return "", invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case magnitude < -130:
		return "", invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	sign := strings.TrimPrefix(m[1], "+")
	return sign + plain(trimmed, exponent), nil
}

// plain writes digits × 10^exponent without an exponent.
func plain(digits string, exponent int) string {
	point := len(digits) + exponent
	switch {
	case exponent >= 0:
		return digits + strings.Repeat("0", exponent)
	case point > 0:
		return digits[:point] + "." + digits[point:]
	}
	return "0." + strings.Repeat("0", -point) + digits
}

package dump

import (
	"regexp"
	"strings"
)

// MySQL 8's own collations compare by the Unicode Collation Algorithm 9.0.0
// and do not pad with spaces. MariaDB 10.10 and newer have UCA 14.0.0 with and
// without padding; older ones have 5.2.0.

var uca900 = regexp.MustCompile(`(?i)^utf8mb4(?:_([a-z]+(?:_pb|_trad|_cyrl|_latn)?))?_0900_(ai_ci|as_ci|as_cs|as_cs_ks|bin)$`)

// tailorings maps MySQL's language codes to MariaDB's names. The languages
// that are not here sort by the root collation in MariaDB.
var tailorings = map[string]string{
	"cs": "czech", "da": "danish", "de_pb": "german2", "eo": "esperanto", "es": "spanish", "es_trad": "spanish2",
	"et": "estonian", "hr": "croatian", "hu": "hungarian", "is": "icelandic", "la": "roman", "lt": "lithuanian",
	"lv": "latvian", "pl": "polish", "ro": "romanian", "sk": "slovak", "sl": "slovenian", "sv": "swedish",
	"tr": "turkish", "vi": "vietnamese",
}

// nearestCollation returns the collation of this server that orders most like
// a collation of MySQL's; ok is false when the server has the name itself.
// Two values that MySQL holds apart stay apart, so that unique keys load.
func (t Target) nearestCollation(mysql string) (nearest string, ok bool) {
	if !t.MariaDB {
		return "", false
	}
	lower := strings.ToLower(mysql)
	if strings.HasPrefix(lower, "utf8mb3_") && t.number() < 100600 {
		return "utf8_" + lower[len("utf8mb3_"):], true
	}
	match := uca900.FindStringSubmatch(lower)
	if match == nil {
		return "", false
	}
	strength := strings.TrimSuffix(match[2], "_ks")
	switch {
	case strength == "bin":
		return "utf8mb4_nopad_bin", true
	case t.number() < 101001 && strength == "ai_ci":
		return "utf8mb4_unicode_520_nopad_ci", true
	case t.number() < 101001:
		return "utf8mb4_nopad_bin", true // the only one there that sees accents
	}
	language := tailorings[match[1]]
	if language != "" {
		language += "_"
	}
	return "utf8mb4_uca1400_" + language + "nopad_" + strength, true
}

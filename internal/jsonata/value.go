package jsonata

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
)

// Kind is the JSON type of a Value.
type Kind uint8

// The six JSON types.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String is the JSON name of the kind.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Value is an immutable JSON value as JavaScript sees it: numbers are doubles,
// object keys keep their order except that whole-number keys come first. A nil
// *Value stands for undefined.
type Value struct {
	kind   Kind
	flag   bool
	num    float64
	str    string
	items  []*Value
	fields []Field
	text   atomic.Pointer[[]byte] // the printed form, made on the first call of JSON
}

// Field is one key of an object.
type Field struct {
	Name  string
	Value *Value
}

var (
	nullValue  = &Value{kind: Null}
	trueValue  = &Value{kind: Bool, flag: true}
	falseValue = &Value{kind: Bool}
)

// NewNull is the JSON null.
func NewNull() *Value { return nullValue }

// NewBool is true or false.
func NewBool(b bool) *Value {
	if b {
		return trueValue
	}
	return falseValue
}

// NewNumber is a finite number.
func NewNumber(f float64) *Value { return &Value{kind: Number, num: f} }

// NewString is a string.
func NewString(s string) *Value { return &Value{kind: String, str: s} }

// NewArray is an array of the given items, none of them nil.
func NewArray(items ...*Value) *Value { return &Value{kind: Array, items: items} }

// NewObject is an object with the given fields in their order, leaving out
// those whose value is undefined. Names must differ.
func NewObject(fields ...Field) *Value {
	fields = slices.DeleteFunc(fields, func(f Field) bool { return f.Value == nil })
	return &Value{kind: Object, fields: orderKeys(fields)}
}

// Kind tells the JSON type.
func (v *Value) Kind() Kind { return v.kind }

// Bool is the value of a boolean, else false.
func (v *Value) Bool() bool { return v.flag }

// Number is the value of a number, else 0.
func (v *Value) Number() float64 { return v.num }

// Text is the value of a string, else "".
func (v *Value) Text() string { return v.str }

// Items are the elements of an array, else nil. Do not change the slice.
func (v *Value) Items() []*Value { return v.items }

// Fields are the fields of an object in order, else nil. Do not change the slice.
func (v *Value) Fields() []Field { return v.fields }

// Get is the field of an object, or nil when v is no object or lacks it.
func (v *Value) Get(name string) *Value {
	if v == nil {
		return nil
	}
	for i := range v.fields {
		if v.fields[i].Name == name {
			return v.fields[i].Value
		}
	}
	return nil
}

// JSON prints the value as JSON.stringify does: no white space, 3 rather than
// 3.0. Do not change the slice.
func (v *Value) JSON() json.RawMessage {
	if text := v.text.Load(); text != nil {
		return *text
	}
	text := appendValue(nil, v)
	v.text.Store(&text)
	return text
}

// Size is the length of the printed form in bytes, the measure of Step
// Functions' payload limits.
func (v *Value) Size() int { return len(v.JSON()) }

// Of turns any value that encoding/json can print into a Value.
func Of(x any) (*Value, error) {
	switch x := x.(type) {
	case *Value:
		return x, nil
	case json.RawMessage:
		return Parse(x)
	}
	raw, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("jsonata: cannot print %T as JSON: %w", x, err)
	}
	return Parse(raw)
}

package iceberg

import (
	"encoding/json"
	"fmt"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

type field struct {
	name string
	kind iceberg.Type
}

// fieldsOf are a schema's columns as staged files have them. All are optional.
func fieldsOf(s *schemas.Schema) []field {
	var out []field
	for _, f := range s.Fields {
		out = append(out, field{f.Name, typeOf(f.Type)})
	}
	return append(out,
		field{pipeline.ColPartition, iceberg.PrimitiveTypes.Int32},
		field{pipeline.ColOffset, iceberg.PrimitiveTypes.Int64},
		field{pipeline.ColTimestamp, iceberg.PrimitiveTypes.TimestampTz},
		field{pipeline.ColLate, iceberg.PrimitiveTypes.Bool},
	)
}

func typeOf(t schemas.Type) iceberg.Type {
	switch t {
	case schemas.Boolean:
		return iceberg.PrimitiveTypes.Bool
	case schemas.Int:
		return iceberg.PrimitiveTypes.Int32
	case schemas.Long:
		return iceberg.PrimitiveTypes.Int64
	case schemas.Double:
		return iceberg.PrimitiveTypes.Float64
	case schemas.Timestamp:
		return iceberg.PrimitiveTypes.TimestampTz
	case schemas.Date:
		return iceberg.PrimitiveTypes.Date
	default: // JSON stays text
		return iceberg.PrimitiveTypes.String
	}
}

// first is a new table's schema.
func first(s *schemas.Schema) *iceberg.Schema {
	var fields []iceberg.NestedField
	for i, f := range fieldsOf(s) {
		fields = append(fields, iceberg.NestedField{ID: i + 1, Name: f.name, Type: f.kind})
	}
	return iceberg.NewSchema(0, fields...)
}

// partitioning is by day of the event time, or none.
func partitioning(s *iceberg.Schema, eventTime string) (*iceberg.PartitionSpec, error) {
	if eventTime == "" {
		return iceberg.UnpartitionedSpec, nil
	}
	f, ok := s.FindFieldByName(eventTime)
	if !ok {
		return nil, bugf("partition the table by %s: it has no such column", eventTime)
	}
	spec := iceberg.NewPartitionSpec(iceberg.PartitionField{
		SourceIDs: []int{f.ID}, FieldID: 1000, Name: eventTime + "_day", Transform: iceberg.DayTransform{},
	})
	return &spec, nil
}

// evolve adds the columns that the table lacks, in the transaction of the
// commit, and refuses a table of another shape.
func evolve(txn *table.Transaction, t *table.Table, s *schemas.Schema) error {
	have := t.Schema()
	var added []field
	for _, f := range fieldsOf(s) {
		known, ok := have.FindFieldByName(f.name)
		if !ok {
			added = append(added, f)
			continue
		}
		if !known.Type.Equals(f.kind) || known.Required {
			return pipeline.Misconfiguredf(settingTable, "use table %v: its column %s is %s, the pipeline's is optional %s: choose another table, or change the column",
				t.Identifier(), f.name, known.Type, f.kind)
		}
	}
	if len(added) == 0 {
		return nil
	}
	update := txn.UpdateSchema(true, false, table.WithNameMapping(t.NameMapping()))
	for _, f := range added {
		update = update.AddColumn([]string{f.name}, f.kind, "", false, nil)
	}
	if err := update.Commit(); err != nil {
		return fmt.Errorf("add columns %v: %w", added, err)
	}
	return nil
}

// mapping lets readers find columns by their names: staged files have no field
// IDs.
func mapping(s *iceberg.Schema) (string, error) {
	b, err := json.Marshal(s.NameMapping())
	return string(b), err
}

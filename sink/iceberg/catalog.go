package iceberg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	icesql "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"
	_ "modernc.org/sqlite" // the default catalog's driver

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// opened is the connection to a catalog.
type opened struct {
	catalog.Catalog
	db   *sql.DB // of a SQLite catalog
	rest *restTransport
}

// connect opens the catalog, which is made if it is a file.
func connect(ctx context.Context, c Config) (opened, error) {
	if c.URI != "" {
		return connectREST(ctx, c)
	}
	file := c.catalogFile()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return opened{}, pipeline.Misconfiguredf(settingWarehouse, "make the folder of catalog %s: %w", file, err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(30000)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return opened{}, pipeline.Misconfiguredf(settingWarehouse, "open catalog %s: %w", file, err)
	}
	cat, err := icesql.NewCatalog("adp", db, icesql.SQLite, ioProperties(c, iceberg.Properties{}))
	if err != nil {
		return opened{}, errors.Join(pipeline.Faultf(pipeline.Transient, "open catalog %s (setting: %s): %w", file, settingWarehouse, err), db.Close())
	}
	return opened{Catalog: cat, db: db}, nil
}

// ioProperties tell Iceberg how to reach the warehouse, by the parameters of
// its URL; credentials come from the environment, as everywhere.
func ioProperties(c Config, p iceberg.Properties) iceberg.Properties {
	u, err := url.Parse(c.Warehouse)
	if err != nil || u.Scheme != "s3" {
		return p
	}
	for parameter, property := range map[string]string{"endpoint": "s3.endpoint", "region": "s3.region"} {
		if v := u.Query().Get(parameter); v != "" {
			p[property] = v
		}
	}
	if u.Query().Get("use_path_style") == "true" {
		p["s3.force-virtual-addressing"] = "false"
	}
	for variable, property := range map[string]string{"AWS_ACCESS_KEY_ID": "s3.access-key-id", "AWS_SECRET_ACCESS_KEY": "s3.secret-access-key", "AWS_SESSION_TOKEN": "s3.session-token"} {
		if v := os.Getenv(variable); v != "" {
			p[property] = v
		}
	}
	return p
}

func (o opened) close() error {
	switch {
	case o.db != nil:
		return o.db.Close()
	case o.rest != nil:
		o.rest.CloseIdleConnections()
	}
	return nil
}

// location is the table's, as Iceberg's metadata has it.
func location(p store.Place) string {
	if p.Bucket == "" {
		return "file://" + p.Path
	}
	return p.String()
}

// create makes the table. That somebody else was faster is no error.
func (t *tables) create(ctx context.Context, s *schemas.Schema) error {
	schema := first(s)
	spec, err := partitioning(schema, t.cfg.EventTime)
	if err != nil {
		return err
	}
	names, err := mapping(schema)
	if err != nil {
		return bugf("map the columns of table %v: %w", t.ident, err)
	}
	cat, err := t.connected(ctx)
	if err != nil {
		return err
	}
	err = cat.CreateNamespace(ctx, t.ident[:1], nil)
	if err != nil && !errors.Is(err, catalog.ErrNamespaceAlreadyExists) {
		if there, lookErr := cat.CheckNamespaceExists(ctx, t.ident[:1]); lookErr != nil || !there {
			return t.fault(err, fmt.Sprintf("make namespace %s", t.ident[0]))
		}
	}
	_, err = cat.CreateTable(ctx, t.ident, schema, catalog.WithLocation(t.location), catalog.WithPartitionSpec(spec),
		catalog.WithProperties(iceberg.Properties{
			table.DefaultNameMappingKey: names, "write.parquet.compression-codec": "zstd", table.PropertyFormatVersion: "2",
		}))
	if err != nil && !errors.Is(err, catalog.ErrTableAlreadyExists) {
		if there, lookErr := cat.CheckTableExists(ctx, t.ident); lookErr != nil || !there {
			return t.fault(err, fmt.Sprintf("make table %v", t.ident))
		}
	}
	return nil
}

import java.io.File;
import java.net.InetSocketAddress;
import java.util.Map;
import org.apache.iceberg.Files;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;

/**
 * Apache Iceberg's REST catalog on loopback: its servlet, over its JDBC catalog in SQLite. What is
 * written here is the start, and files without Hadoop. Arguments: port, folder.
 */
class Main {
  public static void main(String[] args) throws Exception {
    File folder = new File(args[1]);
    JdbcCatalog catalog = new JdbcCatalog(properties -> new LocalFiles(), null, true);
    catalog.initialize(
        "rest",
        Map.of(
            "uri", "jdbc:sqlite:" + new File(folder, "server.db"),
            "jdbc.schema-version", "V1",
            "clients", "1",
            "warehouse", new File(folder, "warehouse").toURI().toString()));
    ServletContextHandler context = new ServletContextHandler();
    context.addServlet(
        new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
    Server server =
        new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
    server.setHandler(context);
    server.start();
    System.in.readAllBytes(); // until whoever has started this ends, in whatever way
    System.exit(0);
  }

  static class LocalFiles implements FileIO {
    private static String path(String location) {
      return location.replaceFirst("^file:(//)?", "");
    }

    @Override
    public InputFile newInputFile(String location) {
      return Files.localInput(path(location));
    }

    @Override
    public OutputFile newOutputFile(String location) {
      return Files.localOutput(path(location));
    }

    @Override
    public void deleteFile(String location) {
      new File(path(location)).delete();
    }
  }
}

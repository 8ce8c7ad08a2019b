package actorbridge.bench;

import bench.codec.v1.Codec.Flight;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** The flights of a file such as examples/handover/data/flights-2013-01.csv.gz. */
final class Flights {
    private Flights() {}

    /** All of them, in their order. Column n is field n + 2; a field that is no number is absent, as an empty one is. */
    static List<Flight> read(Path path) throws IOException {
        List<Flight> flights = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(path)), StandardCharsets.UTF_8))) {
            lines.readLine(); // the names of the columns
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                flights.add(flight(flights.size() + 1, line.split(",", -1)));
            }
        }
        return flights;
    }

    private static Flight flight(long row, String[] columns) {
        Flight.Builder flight = Flight.newBuilder().setRow(row);
        for (int at = 0; at < columns.length; at++) {
            FieldDescriptor field = Flight.getDescriptor().findFieldByNumber(at + 2);
            if (field.getJavaType() == JavaType.STRING) {
                flight.setField(field, columns[at]);
                continue;
            }
            try {
                flight.setField(field, Long.valueOf(columns[at]));
            } catch (NumberFormatException absent) {
                continue;
            }
        }
        return flight.build();
    }
}

package actorbridge.bench;

import bench.codec.v1.Codec.Flight;
import bench.codec.v1.Codec.Flights;
import bench.codec.v1.Codec.Kilobyte;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.Message;
import java.io.IOException;
import java.util.List;
import org.msgpack.jackson.dataformat.MessagePackMapper;

/**
 * The messages as plain objects, which Jackson writes as arrays in MessagePack: for comparison only. In an array a field is known by its
 * place, so a reader of another version of the message reads other fields.
 */
final class ArrayCodec {
    private static final ObjectMapper MAPPER = new MessagePackMapper();

    private ArrayCodec() {}

    @JsonFormat(shape = JsonFormat.Shape.ARRAY)
    @JsonPropertyOrder({
        "row", "year", "month", "day", "depTime", "schedDepTime", "depDelay", "arrTime", "schedArrTime", "arrDelay", "carrier",
        "flight", "tailnum", "origin", "dest", "airTime", "distance", "hour", "minute", "timeHour"
    })
    record FlightArray(
            long row, Long year, Long month, Long day, Long depTime, Long schedDepTime, Long depDelay, Long arrTime,
            Long schedArrTime, Long arrDelay, String carrier, Long flight, String tailnum, String origin, String dest,
            Long airTime, Long distance, Long hour, Long minute, String timeHour) {}

    @JsonFormat(shape = JsonFormat.Shape.ARRAY)
    record FlightsArray(List<FlightArray> flights) {}

    @JsonFormat(shape = JsonFormat.Shape.ARRAY)
    @JsonPropertyOrder({"kind", "payload", "correlation", "source", "target", "typeName", "version", "replyTo"})
    record KilobyteArray(
            int kind, byte[] payload, long correlation, String source, String target, String typeName, int version,
            String replyTo) {}

    static byte[] encode(Object plain) throws IOException {
        return MAPPER.writeValueAsBytes(plain);
    }

    static Object decode(byte[] data, Class<?> type) throws IOException {
        return MAPPER.readValue(data, type);
    }

    /** The same message as an object of this class. */
    static Object plain(Message message) {
        if (message instanceof Flight flight) {
            return flight(flight);
        } else if (message instanceof Flights flights) {
            return new FlightsArray(flights.getFlightsList().stream().map(ArrayCodec::flight).toList());
        } else if (message instanceof Kilobyte k) {
            return new KilobyteArray(
                    k.getKind(), k.getPayload().toByteArray(), k.getCorrelation(), k.getSource(), k.getTarget(), k.getTypeName(),
                    k.getVersion(), k.getReplyTo());
        }
        throw new IllegalArgumentException("no object for a " + message.getClass());
    }

    private static FlightArray flight(Flight f) {
        return new FlightArray(
                f.getRow(),
                f.hasYear() ? f.getYear() : null,
                f.hasMonth() ? f.getMonth() : null,
                f.hasDay() ? f.getDay() : null,
                f.hasDepTime() ? f.getDepTime() : null,
                f.hasSchedDepTime() ? f.getSchedDepTime() : null,
                f.hasDepDelay() ? f.getDepDelay() : null,
                f.hasArrTime() ? f.getArrTime() : null,
                f.hasSchedArrTime() ? f.getSchedArrTime() : null,
                f.hasArrDelay() ? f.getArrDelay() : null,
                f.getCarrier(),
                f.hasFlight() ? f.getFlight() : null,
                f.getTailnum(),
                f.getOrigin(),
                f.getDest(),
                f.hasAirTime() ? f.getAirTime() : null,
                f.hasDistance() ? f.getDistance() : null,
                f.hasHour() ? f.getHour() : null,
                f.hasMinute() ? f.getMinute() : null,
                f.getTimeHour());
    }
}

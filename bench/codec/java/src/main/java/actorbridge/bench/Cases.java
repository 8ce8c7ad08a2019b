package actorbridge.bench;

import bench.codec.v1.Codec.Flight;
import bench.codec.v1.Codec.Flights;
import bench.codec.v1.Codec.Kilobyte;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

/** The cases, by their names: the messages of the programs in Rust and Go. */
final class Cases {
    private static final int BATCH = 100;
    private static final int SNAPSHOT = 1 << 20;
    private static final int PAYLOAD = 900;

    /** The ways in which a message becomes bytes and comes back. */
    private interface Codec {
        byte[] encode(Message message) throws IOException;

        Message decode(byte[] data, Message empty) throws IOException;
    }

    /** What was decoded last: the virtual machine leaves out what nobody can see. */
    private static volatile Object made;

    private Cases() {}

    static Map<String, Case> all(List<Flight> flights) throws IOException {
        Map<String, Message> messages = new LinkedHashMap<>();
        messages.put("kilobyte", kilobyte());
        messages.put("flight", flights.get(0));
        messages.put("batch", Flights.newBuilder().addAllFlights(flights.subList(0, BATCH)).build());
        messages.put("snapshot", Flights.newBuilder().addAllFlights(snapshot(flights)).build());
        Map<String, Case> cases = new HashMap<>();
        for (Map.Entry<String, Codec> codec : codecs().entrySet()) {
            for (Map.Entry<String, Message> message : messages.entrySet()) {
                add(cases, codec.getKey() + "/" + message.getKey(), codec.getValue(), message.getValue());
            }
        }
        for (Map.Entry<String, Message> message : messages.entrySet()) {
            addArray(cases, "array/" + message.getKey(), ArrayCodec.plain(message.getValue()));
        }
        return cases;
    }

    private static void addArray(Map<String, Case> cases, String name, Object plain) throws IOException {
        byte[] encoded = ArrayCodec.encode(plain);
        Object decoded = ArrayCodec.decode(encoded, plain.getClass());
        if (!Arrays.equals(ArrayCodec.encode(decoded), encoded)) {
            throw new IOException(name + ": what was decoded is not what was encoded");
        }
        int zipped = zipped(encoded);
        cases.put(name + "/gzip", () -> zipped);
        cases.put(name + "/encode", () -> ArrayCodec.encode(plain).length);
        cases.put(name + "/decode", () -> {
            made = ArrayCodec.decode(encoded, plain.getClass());
            return encoded.length;
        });
    }

    private static void add(Map<String, Case> cases, String name, Codec codec, Message message) throws IOException {
        byte[] encoded = codec.encode(message);
        Message empty = message.getDefaultInstanceForType();
        if (!codec.decode(encoded, empty).equals(message)) {
            throw new IOException(name + ": what was decoded is not what was encoded");
        }
        int zipped = zipped(encoded);
        cases.put(name + "/gzip", () -> zipped);
        cases.put(name + "/encode", () -> codec.encode(message).length);
        cases.put(name + "/decode", () -> {
            made = codec.decode(encoded, empty);
            return encoded.length;
        });
    }

    private static Map<String, Codec> codecs() {
        Codec protobuf = new Codec() {
            @Override
            public byte[] encode(Message message) {
                return message.toByteArray();
            }

            @Override
            public Message decode(byte[] data, Message empty) throws IOException {
                return empty.getParserForType().parseFrom(data);
            }
        };
        JsonFormat.Printer printer = JsonFormat.printer().omittingInsignificantWhitespace();
        JsonFormat.Parser parser = JsonFormat.parser().ignoringUnknownFields();
        Codec json = new Codec() {
            @Override
            public byte[] encode(Message message) throws IOException {
                return printer.print(message).getBytes(StandardCharsets.UTF_8);
            }

            @Override
            public Message decode(byte[] data, Message empty) throws IOException {
                Message.Builder message = empty.newBuilderForType();
                parser.merge(new String(data, StandardCharsets.UTF_8), message);
                return message.build();
            }
        };
        MessagePackCodec pack = new MessagePackCodec();
        Codec msgpack = new Codec() {
            @Override
            public byte[] encode(Message message) throws IOException {
                return pack.encode(message);
            }

            @Override
            public Message decode(byte[] data, Message empty) throws IOException {
                return MessagePackCodec.decode(data, empty);
            }
        };
        return Map.of("protobuf", protobuf, "json", json, "msgpack", msgpack);
    }

    /** As many flights as fill 1 MiB. */
    private static List<Flight> snapshot(List<Flight> flights) {
        List<Flight> rows = new ArrayList<>();
        int size = 0;
        for (Flight flight : flights) {
            size += flight.getSerializedSize() + 2;
            if (size > SNAPSHOT) {
                break;
            }
            rows.add(flight);
        }
        return rows;
    }

    private static Kilobyte kilobyte() {
        byte[] payload = new byte[PAYLOAD];
        Arrays.fill(payload, (byte) 7);
        return Kilobyte.newBuilder()
                .setKind(2) // KIND_ASK
                .setPayload(ByteString.copyFrom(payload))
                .setCorrelation(17 << 20 | 3)
                .setSource("ab:///orders/eu/4711")
                .setTarget("ab:///pricing/eu")
                .setTypeName("shop.v1.QuoteRequest")
                .setVersion(2)
                .setReplyTo("ab://shop-go/orders/eu/4711")
                .build();
    }

    private static int zipped(byte[] data) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream zip = new GZIPOutputStream(out)) {
            zip.write(data);
        }
        return out.size();
    }
}

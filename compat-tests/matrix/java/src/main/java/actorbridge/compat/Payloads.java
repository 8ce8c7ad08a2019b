package actorbridge.compat;

import actorbridge.test.v1.Codecs.Kinds;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.MapValue;
import org.msgpack.value.Value;
import org.msgpack.value.ValueFactory;

/** Messages as protobuf, JSON and MessagePack, by docs/CODECS.md and stock libraries. */
final class Payloads {
    static final int PROTOBUF = 0;
    static final int JSON = 1;
    static final int MSGPACK = 2;

    /** What an Any may hold in JSON. */
    private static final JsonFormat.TypeRegistry TYPES = JsonFormat.TypeRegistry.newBuilder()
            .add(Kinds.getDescriptor())
            .add(Duration.getDescriptor())
            .build();

    private static final MapValue NOTHING = ValueFactory.emptyMap();

    private Payloads() {}

    static ByteString encode(Message message, int contentType) throws IOException {
        return switch (contentType) {
            case JSON -> ByteString.copyFromUtf8(JsonFormat.printer()
                    .usingTypeRegistry(TYPES).omittingInsignificantWhitespace().print(message));
            case MSGPACK -> packed(map(message, NOTHING));
            default -> Fields.encoded(message);
        };
    }

    /** What a program passes on that has read this message from data: the same, without what it does not know if it drops that. */
    static ByteString passedOn(Message message, ByteString data, int contentType, boolean drop) throws IOException {
        if (contentType == MSGPACK && !drop) {
            return packed(map(message, unpacked(data)));
        }
        Message left = message;
        if (drop) {
            left = message.toBuilder().setUnknownFields(UnknownFieldSet.getDefaultInstance()).build();
        }
        return encode(left, contentType);
    }

    static Message decode(Message.Builder message, ByteString data, int contentType) throws Refused {
        try {
            switch (contentType) {
                case JSON -> JsonFormat.parser().usingTypeRegistry(TYPES).ignoringUnknownFields().merge(data.toStringUtf8(), message);
                case MSGPACK -> fill(message, unpacked(data));
                default -> message.mergeFrom(data);
            }
            return message.build();
        } catch (IOException | RuntimeException error) {
            throw new Refused("UNDECODABLE");
        }
    }

    private static ByteString packed(Value value) throws IOException {
        try (MessageBufferPacker packer = MessagePack.newDefaultBufferPacker()) {
            packer.packValue(value);
            return ByteString.copyFrom(packer.toByteArray());
        }
    }

    private static MapValue unpacked(ByteString data) throws IOException {
        try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(data.toByteArray())) {
            MapValue map = unpacker.unpackValue().asMapValue();
            if (unpacker.hasNext()) {
                throw new IOException("bytes follow its end");
            }
            return map;
        }
    }

    /** The fields of a message, and those of rest, as which it came, that the schema does not have. */
    private static Value map(Message message, MapValue rest) {
        Descriptor descriptor = message.getDescriptorForType();
        Map<Long, Value> fields = new TreeMap<>();
        Map<Long, Value> came = new TreeMap<>();
        for (Map.Entry<Value, Value> entry : rest.entrySet()) {
            long number = entry.getKey().asIntegerValue().toLong();
            came.put(number, entry.getValue());
            if (descriptor.findFieldByNumber((int) number) == null) {
                fields.put(number, entry.getValue());
            }
        }
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            FieldDescriptor field = entry.getKey();
            Value before = came.get((long) field.getNumber());
            if (field.isRepeated()) {
                List<?> values = (List<?>) entry.getValue();
                fields.put((long) field.getNumber(), ValueFactory.newArray(
                        values.stream().map(v -> value(field, v, NOTHING)).toList()));
            } else {
                MapValue inner = before != null && before.isMapValue() ? before.asMapValue() : NOTHING;
                fields.put((long) field.getNumber(), value(field, entry.getValue(), inner));
            }
        }
        ValueFactory.MapBuilder map = ValueFactory.newMapBuilder();
        fields.forEach((number, value) -> map.put(ValueFactory.newInteger(number), value));
        return map.build();
    }

    private static Value value(FieldDescriptor field, Object value, MapValue rest) {
        if (value instanceof Message inner) {
            return map(inner, rest);
        }
        if (value instanceof String text) {
            return ValueFactory.newString(text);
        }
        if (value instanceof ByteString data) {
            return ValueFactory.newBinary(data.toByteArray());
        }
        if (value instanceof Integer number) {
            boolean unsigned = field.getType() == FieldDescriptor.Type.UINT32;
            return ValueFactory.newInteger(unsigned ? Integer.toUnsignedLong(number) : number);
        }
        return ValueFactory.newInteger((Long) value);
    }

    private static void fill(Message.Builder message, MapValue came) throws IOException {
        for (Map.Entry<Value, Value> entry : came.entrySet()) {
            int number = entry.getKey().asIntegerValue().asInt();
            FieldDescriptor field = message.getDescriptorForType().findFieldByNumber(number);
            if (field == null || entry.getValue().isNilValue()) {
                continue;
            }
            if (field.isRepeated()) {
                for (Value each : entry.getValue().asArrayValue()) {
                    message.addRepeatedField(field, read(message, field, each));
                }
            } else {
                message.setField(field, read(message, field, entry.getValue()));
            }
        }
    }

    private static Object read(Message.Builder message, FieldDescriptor field, Value value) throws IOException {
        if (field.getJavaType() == JavaType.MESSAGE) {
            Message.Builder inner = message.newBuilderForField(field);
            fill(inner, value.asMapValue());
            return inner.build();
        }
        return switch (field.getType()) {
            case STRING -> value.asStringValue().asString();
            case BYTES -> ByteString.copyFrom(value.asBinaryValue().asByteArray());
            case UINT32 -> {
                long number = value.asIntegerValue().asLong();
                if (number < 0 || number > 0xffff_ffffL) {
                    throw new IOException(number + " does not fit");
                }
                yield (int) number;
            }
            case INT64 -> value.asIntegerValue().asLong();
            default -> value.asIntegerValue().asInt();
        };
    }
}

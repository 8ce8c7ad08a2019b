package actorbridge.compat;

import actorbridge.compat.v1.Field;
import actorbridge.compat.v1.Seen;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Message;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Values of fields, apart from any encoding, to and from the fields of any message. */
final class Fields {
    /** Bytes to the matrix, though the schema has a message. */
    private static final String OPAQUE = "actorbridge.v1.Envelope.failure";

    private Fields() {}

    static ByteString encoded(Message message) throws IOException {
        ByteString.Output bytes = ByteString.newOutput(message.getSerializedSize());
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.useDeterministicSerialization();
        message.writeTo(out);
        out.flush();
        return bytes.toByteString();
    }

    /** Sets a field, or the one at a path such as quote.sku. */
    static void put(Message.Builder message, String path, Field field) throws IOException {
        int dot = path.indexOf('.');
        String head = dot < 0 ? path : path.substring(0, dot);
        String rest = dot < 0 ? "" : path.substring(dot + 1);
        FieldDescriptor descriptor = message.getDescriptorForType().findFieldByName(head);
        if (descriptor == null) {
            throw new IOException("the schema has no field " + path);
        }
        if (descriptor.isMapField()) {
            Message.Builder entry = message.newBuilderForField(descriptor);
            entry.setField(entry.getDescriptorForType().findFieldByNumber(1), rest);
            entry.setField(entry.getDescriptorForType().findFieldByNumber(2), field.getData());
            message.addRepeatedField(descriptor, entry.build());
        } else if (descriptor.getJavaType() == JavaType.MESSAGE) {
            Message.Builder inner = ((Message) message.getField(descriptor)).toBuilder();
            if (descriptor.getFullName().equals(OPAQUE)) {
                inner.mergeFrom(field.getData());
            } else {
                put(inner, rest, field);
            }
            message.setField(descriptor, inner.build());
        } else if (descriptor.isRepeated()) {
            message.addRepeatedField(descriptor, value(descriptor, field));
        } else {
            message.setField(descriptor, value(descriptor, field));
        }
    }

    /** A negative number is its two's complement in 64 bits, as Java's long has it. */
    private static Object value(FieldDescriptor descriptor, Field field) {
        return switch (descriptor.getJavaType()) {
            case STRING -> field.getText();
            case BYTE_STRING -> field.getData();
            case INT -> (int) field.getNumber();
            case BOOLEAN -> field.getNumber() != 0;
            case ENUM -> descriptor.getEnumType().findValueByNumberCreatingIfUnknown((int) field.getNumber());
            default -> field.getNumber();
        };
    }

    /** Adds all fields that are not their default. */
    static void show(Seen.Builder seen, Message message, String prefix) {
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            FieldDescriptor descriptor = entry.getKey();
            String name = prefix + descriptor.getName();
            List<?> values = descriptor.isRepeated() ? (List<?>) entry.getValue() : List.of(entry.getValue());
            for (Object value : values) {
                show(seen, descriptor, name, value);
            }
        }
    }

    private static void show(Seen.Builder seen, FieldDescriptor descriptor, String name, Object value) {
        if (descriptor.isMapField()) {
            Message entry = (Message) value;
            Object key = entry.getField(entry.getDescriptorForType().findFieldByNumber(1));
            Object data = entry.getField(entry.getDescriptorForType().findFieldByNumber(2));
            seen.addFields(Field.newBuilder().setName(name + "." + key).setData((ByteString) data));
        } else if (descriptor.getFullName().equals(OPAQUE)) {
            seen.addFields(Field.newBuilder().setName(name).setData(((Message) value).toByteString()));
        } else if (value instanceof Message inner) {
            show(seen, inner, name + ".");
        } else {
            seen.addFields(field(name, descriptor, value));
        }
    }

    private static Field.Builder field(String name, FieldDescriptor descriptor, Object value) {
        Field.Builder field = Field.newBuilder().setName(name);
        if (value instanceof String text) {
            return field.setText(text);
        }
        if (value instanceof ByteString data) {
            return field.setData(data);
        }
        if (value instanceof EnumValueDescriptor number) {
            return field.setNumber(number.getNumber());
        }
        if (value instanceof Integer number) {
            boolean unsigned = switch (descriptor.getType()) {
                case UINT32, FIXED32 -> true;
                default -> false;
            };
            return field.setNumber(unsigned ? Integer.toUnsignedLong(number) : number);
        }
        return field.setNumber((Long) value);
    }
}

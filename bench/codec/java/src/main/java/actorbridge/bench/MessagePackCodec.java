package actorbridge.bench;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;

/** MessagePack by docs/CODECS.md, by way of descriptors, for fields as the measured messages have them. */
final class MessagePackCodec {
    /** Used again for each message, as its buffer is 8 KiB. */
    private final MessageBufferPacker packer = MessagePack.newDefaultBufferPacker();

    byte[] encode(Message message) throws IOException {
        packer.clear();
        pack(message);
        return packer.toByteArray();
    }

    static Message decode(byte[] data, Message empty) throws IOException {
        try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(data)) {
            return unpack(unpacker, empty.newBuilderForType());
        }
    }

    private void pack(Message message) throws IOException {
        Map<FieldDescriptor, Object> fields = message.getAllFields(); // in the order of their numbers
        packer.packMapHeader(fields.size());
        for (Map.Entry<FieldDescriptor, Object> entry : fields.entrySet()) {
            packer.packInt(entry.getKey().getNumber());
            if (entry.getValue() instanceof List<?> values) {
                packer.packArrayHeader(values.size());
                for (Object value : values) {
                    packValue(value);
                }
            } else {
                packValue(entry.getValue());
            }
        }
    }

    private void packValue(Object value) throws IOException {
        if (value instanceof Long number) {
            packer.packLong(number);
        } else if (value instanceof Integer number) {
            packer.packInt(number);
        } else if (value instanceof String text) {
            packer.packString(text);
        } else if (value instanceof ByteString data) {
            packer.packBinaryHeader(data.size());
            packer.writePayload(data.toByteArray());
        } else if (value instanceof Message inner) {
            pack(inner);
        } else {
            throw new IOException("no message that is measured has a " + value.getClass());
        }
    }

    private static Message unpack(MessageUnpacker unpacker, Message.Builder message) throws IOException {
        for (int left = unpacker.unpackMapHeader(); left > 0; left--) {
            FieldDescriptor field = message.getDescriptorForType().findFieldByNumber(unpacker.unpackInt());
            if (field == null) {
                unpacker.skipValue();
            } else if (field.isRepeated()) {
                for (int values = unpacker.unpackArrayHeader(); values > 0; values--) {
                    message.addRepeatedField(field, unpackValue(unpacker, message, field));
                }
            } else {
                message.setField(field, unpackValue(unpacker, message, field));
            }
        }
        return message.build();
    }

    private static Object unpackValue(MessageUnpacker unpacker, Message.Builder message, FieldDescriptor field)
            throws IOException {
        return switch (field.getJavaType()) {
            case LONG -> unpacker.unpackLong();
            case INT -> unpacker.unpackInt();
            case STRING -> unpacker.unpackString();
            case BYTE_STRING -> ByteString.copyFrom(unpacker.readPayload(unpacker.unpackBinaryHeader()));
            case MESSAGE -> unpack(unpacker, message.newBuilderForField(field));
            default -> throw new IOException("no message that is measured has a " + field.getType());
        };
    }
}

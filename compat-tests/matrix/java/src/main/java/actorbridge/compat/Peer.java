package actorbridge.compat;

import actorbridge.compat.v1.Answer;
import actorbridge.compat.v1.Convert;
import actorbridge.compat.v1.Field;
import actorbridge.compat.v1.Order;
import actorbridge.compat.v1.ReadMessage;
import actorbridge.compat.v1.Seen;
import actorbridge.compat.v1.WriteEnvelope;
import actorbridge.compat.v1.WriteMessage;
import actorbridge.test.v1.Codecs.Kinds;
import actorbridge.v1.EnvelopeOuterClass.Envelope;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Carries out orders. */
final class Peer {
    private final Schema schema;
    /** A mistake that the peer makes: the runner must see it. */
    private final String mutant;

    Peer(String version, String mutant) throws Exception {
        this.schema = new Schema(version);
        this.mutant = mutant;
    }

    Answer carryOut(Order order) {
        Answer.Builder answer = Answer.newBuilder().setId(order.getId());
        try {
            operate(order, answer);
        } catch (Refused refused) {
            answer.setRefused(refused.getMessage());
        } catch (Exception | LinkageError | OutOfMemoryError problem) { // whatever it is, the runner says it of this cell
            answer.setUnable(problem.toString());
        }
        return answer.build();
    }

    private void operate(Order order, Answer.Builder answer) throws Exception {
        switch (order.getOrderCase()) {
            case WRITE_MESSAGE -> answer.setWritten(
                    writeMessage(order.getWriteMessage()));
            case READ_MESSAGE -> answer.setSeen(readMessage(order.getReadMessage()));
            case WRITE_ENVELOPE -> answer.setWritten(writeEnvelope(order.getWriteEnvelope()));
            case READ_ENVELOPE -> answer.setSeen(
                    seen(Envelope.newBuilder(), order.getReadEnvelope().getEnvelope(), Payloads.PROTOBUF));
            case WRITE_SNAPSHOT -> answer.setWritten(Snapshots.write(order.getWriteSnapshot(), schema));
            case READ_SNAPSHOT -> answer.setSeen(Snapshots.read(order.getReadSnapshot(), schema));
            case CONVERT -> answer.setWritten(convert(order.getConvert()));
            case CALL -> answer.setSeen(Calls.call(order.getCall()));
            default -> answer.setUnable("this peer does not know the order " + order.getOrderCase());
        }
    }

    private ByteString writeMessage(WriteMessage order) throws IOException {
        Message message = schema.message(order.getType(), order.getFieldsList());
        return spoiled(Payloads.encode(message, order.getContentType()), order.getContentType());
    }

    private static ByteString convert(Convert order) throws Refused, IOException {
        Message kinds = Payloads.decode(Kinds.newBuilder(), order.getMessage(), order.getFrom());
        return Payloads.encode(kinds, order.getTo());
    }

    private Seen readMessage(ReadMessage order) throws Refused, IOException {
        return seen(schema.builder(order.getType()), order.getMessage(), order.getContentType());
    }

    private ByteString writeEnvelope(WriteEnvelope order) throws IOException {
        Envelope.Builder envelope = Envelope.newBuilder();
        for (Field field : order.getFieldsList()) {
            Fields.put(envelope, field.getName(), field);
        }
        ByteString data = Fields.encoded(envelope.build()).concat(order.getLater());
        return withTextForNumber(spoiled(data, Payloads.PROTOBUF), order.getFieldsList());
    }

    private Seen seen(Message.Builder builder, ByteString data, int contentType) throws Refused, IOException {
        Message message = Payloads.decode(builder, data, contentType);
        Seen.Builder seen = Seen.newBuilder();
        Fields.show(seen, message, "");
        boolean drop = mutant.equals("drop-unknown");
        return seen.setPassedOn(Payloads.passedOn(message, data, contentType, drop)).build();
    }

    /** The first field of a message is the first byte in protobuf, {"NAME in JSON, and behind the map's head in MessagePack. */
    private ByteString spoiled(ByteString data, int contentType) {
        int at = new int[] {0, 2, 1}[contentType];
        int step = contentType == Payloads.PROTOBUF ? 8 : 1;
        if (mutant.equals("wrong-tag") && data.size() > at) {
            return replaced(data, at, (byte) (data.byteAt(at) + step));
        }
        boolean packed = contentType == Payloads.MSGPACK && data.size() > 2;
        if (mutant.equals("int-as-string") && packed && data.byteAt(2) >= 0 && data.byteAt(2) < 10) {
            return replaced(data, 2, (byte) 0xa1, (byte) ('0' + data.byteAt(2)));
        }
        return data;
    }

    private static ByteString replaced(ByteString data, int at, byte... by) {
        return data.substring(0, at).concat(ByteString.copyFrom(by)).concat(data.substring(at + 1));
    }

    private ByteString withTextForNumber(ByteString data, List<Field> fields) {
        for (Field field : fields) {
            if (mutant.equals("int-as-string") && field.getName().equals("correlation")) {
                byte[] text = Long.toUnsignedString(field.getNumber()).getBytes(StandardCharsets.US_ASCII);
                ByteString head = ByteString.copyFrom(new byte[] {3 << 3 | 2, (byte) text.length});
                data = data.concat(head).concat(ByteString.copyFrom(text));
            }
        }
        return data;
    }
}

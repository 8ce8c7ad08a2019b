package actorbridge.compat;

import actorbridge.compat.v1.Answer;
import actorbridge.compat.v1.Field;
import actorbridge.compat.v1.Order;
import actorbridge.compat.v1.ReadMessage;
import actorbridge.compat.v1.Seen;
import actorbridge.compat.v1.WriteEnvelope;
import actorbridge.v1.EnvelopeOuterClass.Envelope;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
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
                    writeMessage(order.getWriteMessage().getType(), order.getWriteMessage().getFieldsList()));
            case READ_MESSAGE -> answer.setSeen(readMessage(order.getReadMessage()));
            case WRITE_ENVELOPE -> answer.setWritten(writeEnvelope(order.getWriteEnvelope()));
            case READ_ENVELOPE -> answer.setSeen(
                    seen(decoded(Envelope.newBuilder(), order.getReadEnvelope().getEnvelope())));
            case WRITE_SNAPSHOT -> answer.setWritten(Snapshots.write(order.getWriteSnapshot(), schema));
            case READ_SNAPSHOT -> answer.setSeen(Snapshots.read(order.getReadSnapshot(), schema));
            case CALL -> answer.setSeen(Calls.call(order.getCall()));
            default -> answer.setUnable("this peer does not know the order " + order.getOrderCase());
        }
    }

    private ByteString writeMessage(String type, List<Field> fields) throws IOException {
        return spoiled(schema.made(type, fields), List.of());
    }

    private Seen readMessage(ReadMessage order) throws Refused, IOException {
        return seen(decoded(schema.builder(order.getType()), order.getMessage()));
    }

    private ByteString writeEnvelope(WriteEnvelope order) throws IOException {
        Envelope.Builder envelope = Envelope.newBuilder();
        for (Field field : order.getFieldsList()) {
            Fields.put(envelope, field.getName(), field);
        }
        return spoiled(Fields.encoded(envelope.build()).concat(order.getLater()), order.getFieldsList());
    }

    static Message decoded(Message.Builder builder, ByteString data) throws Refused {
        try {
            return builder.mergeFrom(data).build();
        } catch (InvalidProtocolBufferException error) {
            throw new Refused("UNDECODABLE");
        }
    }

    private Seen seen(Message message) throws IOException {
        Seen.Builder seen = Seen.newBuilder();
        Fields.show(seen, message, "");
        Message passedOn = message;
        if (mutant.equals("drop-unknown")) {
            passedOn = message.toBuilder().setUnknownFields(UnknownFieldSet.getDefaultInstance()).build();
        }
        return seen.setPassedOn(Fields.encoded(passedOn)).build();
    }

    private ByteString spoiled(ByteString data, List<Field> fields) {
        if (mutant.equals("wrong-tag") && !data.isEmpty()) {
            ByteString tag = ByteString.copyFrom(new byte[] {(byte) (data.byteAt(0) + 8)});
            data = tag.concat(data.substring(1));
        }
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

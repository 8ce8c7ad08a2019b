package actorbridge.compat;

import actorbridge.compat.v1.Call;
import actorbridge.compat.v1.Field;
import actorbridge.compat.v1.Seen;
import actorbridge.v1.EnvelopeOuterClass.Envelope;
import actorbridge.v1.EnvelopeOuterClass.Kind;
import actorbridge.v1.Errors.Code;
import actorbridge.v1.FrameOuterClass.Frame;
import actorbridge.v1.FrameOuterClass.Goodbye;
import actorbridge.v1.FrameOuterClass.Hello;
import actorbridge.v1.FrameOuterClass.Mode;
import actorbridge.v1.FrameOuterClass.Pong;
import actorbridge.v1.FrameOuterClass.Run;
import actorbridge.v1.FrameOuterClass.StreamOpen;
import actorbridge.v1.FrameOuterClass.StreamState;
import actorbridge.v1.FrameOuterClass.TypeDef;
import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** One message through a node's remote door, by grpc-java, as proto/actorbridge/v1/frame.proto describes a link. */
final class Calls implements AutoCloseable {
    private static final MethodDescriptor<Frame, Frame> LINK = MethodDescriptor.<Frame, Frame>newBuilder()
            .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
            .setFullMethodName("actorbridge.v1.Bridge/Link")
            .setRequestMarshaller(ProtoUtils.marshaller(Frame.getDefaultInstance()))
            .setResponseMarshaller(ProtoUtils.marshaller(Frame.getDefaultInstance()))
            .build();
    // A node's name is one process's, and its incarnation that process's start: another one of the name would be refused.
    private static final String NODE = "java-client-" + ProcessHandle.current().pid();
    private static final long INCARNATION = ThreadLocalRandom.current().nextLong();
    // A link supersedes the one before it, which the node may not have seen the end of.
    private static final AtomicLong LINK_EPOCHS = new AtomicLong();
    private static final int FLOW = 1;
    private static final int TYPE = 1;
    private static final long CORRELATION = 1 << 20;
    private static final int SECONDS = 10;

    private final ManagedChannel channel;
    private final StreamObserver<Frame> outgoing;
    /** A frame, or a Throwable when the stream has ended. */
    private final BlockingQueue<Object> incoming = new LinkedBlockingQueue<>();
    private final Map<Integer, ByteString> types = new HashMap<>();
    private final long started = java.lang.System.nanoTime();
    private long number;

    private Calls(String address) {
        channel = ManagedChannelBuilder.forTarget(address.replaceFirst("^tcp://", "")).usePlaintext().build();
        outgoing = ClientCalls.asyncBidiStreamingCall(channel.newCall(LINK, CallOptions.DEFAULT), new StreamObserver<>() {
            @Override
            public void onNext(Frame frame) {
                incoming.add(frame);
            }

            @Override
            public void onError(Throwable problem) {
                incoming.add(problem);
            }

            @Override
            public void onCompleted() {
                incoming.add(new IOException("the node has ended the stream"));
            }
        });
    }

    static Seen call(Call order) throws Exception {
        try (Calls link = new Calls(order.getAddress())) {
            link.send(Frame.newBuilder().setHello(Hello.newBuilder()
                    .setMinProtocol(1)
                    .setMaxProtocol(1)
                    .setNode(NODE)
                    .setIncarnation(INCARNATION)
                    .setLinkEpoch(LINK_EPOCHS.incrementAndGet())
                    .setLanes(1)
                    .addAllCapabilities(Compressions.capabilities(order.getCompression()))));
            while (!link.receive().hasWelcome()) {
                // What else comes before the Welcome is none of ours.
            }
            link.send(message(order));
            Seen seen = null;
            while (seen == null) {
                seen = link.answer(order, link.receive());
            }
            return seen;
        }
    }

    private void send(Frame.Builder frame) {
        long elapsed = TimeUnit.NANOSECONDS.toMillis(java.lang.System.nanoTime() - started);
        outgoing.onNext(frame.setNumber(++number).setSentMs((int) elapsed).build());
    }

    private Frame receive() throws IOException, InterruptedException {
        Object came = incoming.poll(SECONDS, TimeUnit.SECONDS);
        if (!(came instanceof Frame frame)) {
            throw new IOException(came == null ? "nothing came within " + SECONDS + " s" : "the link is over: " + came);
        }
        if (frame.hasGoodbye()) {
            throw new IOException("the node said goodbye: " + frame.getGoodbye().getDetail());
        }
        if (frame.hasPing()) {
            send(Frame.newBuilder().setPong(Pong.newBuilder().setToken(frame.getPing().getToken())));
        }
        for (TypeDef type : frame.getTypeList()) {
            types.put(type.getId(), type.getPrefix());
        }
        return frame;
    }

    /** All of it in one frame: the initial credit is usable in the frame that opens a stream. */
    private static Frame.Builder message(Call order) {
        Envelope who = Envelope.newBuilder()
                .setTarget(order.getTarget())
                .setReplyTo("ab://" + NODE + "/caller")
                .build();
        Envelope what = Envelope.newBuilder()
                .setKindValue(order.getKind())
                .setType(order.getType())
                .setTypeVersion(order.getTypeVersion())
                .setMinReaderVersion(order.getMinReaderVersion())
                .setContentTypeValue(order.getContentType())
                .setCompressionValue(order.getCompression())
                .build();
        Envelope.Builder item = Envelope.newBuilder().setPayload(order.getPayload());
        if (order.getCompression() != 0) {
            item.setPayload(Compressions.compressed(order.getCompression(), order.getPayload()));
            item.setRawSize(order.getPayload().size());
        }
        if (order.getKind() == Kind.KIND_ASK_VALUE) {
            item.setCorrelation(CORRELATION);
        }
        return Frame.newBuilder()
                .addOpen(StreamOpen.newBuilder()
                        .setFlow(FLOW)
                        .setStream(ThreadLocalRandom.current().nextLong())
                        .setMode(Mode.MODE_FLOW)
                        .setPrefix(who.toByteString())
                        .setFirstSeq(1)
                        .setBinding(1))
                .addType(TypeDef.newBuilder().setId(TYPE).setPrefix(what.toByteString()))
                .addRun(Run.newBuilder()
                        .setFlow(FLOW)
                        .setFirstSeq(1)
                        .addTtlMs(SECONDS * 1000)
                        .addType(TYPE)
                        .addEnvelope(item.build().toByteString().concat(order.getExtra())));
    }

    private Seen answer(Call order, Frame frame) throws Refused, IOException {
        if (frame.getResetCount() > 0) {
            throw refused(frame.getReset(0).getCode());
        }
        for (Run run : frame.getRunList()) {
            for (int i = 0; i < run.getEnvelopeCount(); i++) {
                Envelope envelope = envelope(run, i);
                if (envelope.getCorrelation() == CORRELATION) {
                    return reply(envelope);
                }
            }
        }
        for (StreamState state : frame.getStateList()) {
            if (state.getOutcomesCount() > 0) {
                throw refused(state.getOutcomes(0).getCode());
            }
            if (order.getKind() == Kind.KIND_TELL_VALUE && state.getProcessed() >= 1) {
                return Seen.getDefaultInstance();
            }
        }
        return null;
    }

    /** The whole envelope: what a type says of it comes once, with its number. */
    private Envelope envelope(Run run, int place) throws IOException {
        int type = switch (run.getTypeCount()) {
            case 0 -> 0;
            case 1 -> run.getType(0);
            default -> run.getType(place);
        };
        return Envelope.parseFrom(types.getOrDefault(type, ByteString.EMPTY).concat(run.getEnvelope(place)));
    }

    private static Seen reply(Envelope envelope) throws Refused {
        if (envelope.getKind() == Kind.KIND_FAILURE) {
            throw refused(envelope.getFailure().getCode());
        }
        Seen.Builder seen = Seen.newBuilder()
                .addFields(Field.newBuilder().setName("type").setText(envelope.getType()))
                .addFields(Field.newBuilder().setName("content_type").setNumber(envelope.getContentTypeValue()))
                .addFields(Field.newBuilder().setName("payload").setData(Compressions.decompressed(envelope)));
        if (envelope.getCompressionValue() != 0) {
            seen.addFields(Field.newBuilder().setName("compression").setNumber(envelope.getCompressionValue()));
        }
        return seen.build();
    }

    private static Refused refused(Code code) {
        return new Refused(code.name().replaceFirst("^CODE_", ""));
    }

    @Override
    public void close() throws InterruptedException {
        send(Frame.newBuilder().setGoodbye(Goodbye.getDefaultInstance()));
        outgoing.onCompleted();
        channel.shutdown();
        if (!channel.awaitTermination(SECONDS, TimeUnit.SECONDS)) {
            channel.shutdownNow();
        }
    }
}

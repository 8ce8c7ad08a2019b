package actorbridge.compat;

import actorbridge.compat.v1.Order;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;

/**
 * The Java peer of the compat matrix: protobuf-java and grpc-java on the public schema, no code of actorbridge. Orders on
 * stdin, answers on stdout; compat-tests/matrix/README.md describes the conversation.
 */
public final class Main {
    /** No message of the conversation is longer. */
    private static final int MAX_BYTES = 96 << 20;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Peer peer = new Peer(arguments[0], System.getenv().getOrDefault("COMPAT_MUTANT", ""));
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException end) {
                System.exit(0); // threads of gRPC may still be there
                return;
            }
            if (length < 0 || length > MAX_BYTES) {
                throw new IOException("an order of " + length + " bytes, over the limit of " + MAX_BYTES);
            }
            byte[] answer = peer.carryOut(Order.parseFrom(in.readNBytes(length))).toByteArray();
            out.writeInt(answer.length);
            out.write(answer);
            out.flush();
        }
    }
}

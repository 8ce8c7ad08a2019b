package actorbridge.compat;

import actorbridge.compat.v1.Field;
import actorbridge.compat.v1.ReadSnapshot;
import actorbridge.compat.v1.Seen;
import actorbridge.compat.v1.WriteSnapshot;
import actorbridge.v1.FrameOuterClass.Capsule;
import actorbridge.v1.System.SnapshotHeader;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** Snapshots as docs/SNAPSHOT.md describes their bytes. */
final class Snapshots {
    private static final byte[] MAGIC = {(byte) 0x89, 'A', 'B', 'S', 'N', 'P', '\r', '\n'};
    private static final int FORMAT = 1;
    private static final int PREFIX = 24;
    private static final int CHUNK = 65_536;
    private static final int MAX_HEADER = 65_536;
    private static final long MAX_BYTES = 64L << 20;
    private static final String PACKAGE = "versions.v1.";

    private Snapshots() {}

    static ByteString write(WriteSnapshot order, Schema schema) throws IOException {
        ByteString state = schema.made(order.getType(), order.getFieldsList());
        ByteString capsule = Capsule.newBuilder().setActorEpoch(1).build().toByteString();
        byte[] stored = capsule.concat(state).toByteArray();
        byte[] header = SnapshotHeader.newBuilder()
                .setActor("ab:///" + order.getPath())
                .setEpoch(1)
                .setType(PACKAGE + order.getType())
                .setVersion(schema.version(order.getType()))
                .setCodec("protobuf")
                .setCapsuleSize(capsule.size())
                .setStateSize(state.size())
                .setSha256(ByteString.copyFrom(sha256(stored)))
                .build()
                .toByteArray();
        ByteBuffer prefix = littleEndian(ByteBuffer.allocate(PREFIX));
        prefix.put(MAGIC).putInt(FORMAT).putInt(FORMAT).putInt(header.length);
        prefix.putInt(crc(Arrays.copyOf(prefix.array(), PREFIX - 4), header));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(prefix.array());
        out.write(header);
        for (int at = 0; at < stored.length; at += CHUNK) {
            byte[] chunk = Arrays.copyOfRange(stored, at, Math.min(at + CHUNK, stored.length));
            out.write(chunk);
            out.write(littleEndian(ByteBuffer.allocate(4)).putInt(crc(chunk)).array());
        }
        return ByteString.copyFrom(out.toByteArray());
    }

    static Seen read(ReadSnapshot order, Schema schema) throws Refused, IOException {
        byte[] data = order.getSnapshot().toByteArray();
        check(data.length >= PREFIX, "UNDECODABLE");
        ByteBuffer prefix = littleEndian(ByteBuffer.wrap(data, 0, PREFIX));
        int length = headerLength(prefix);
        check(data.length >= PREFIX + length, "UNDECODABLE");
        byte[] head = Arrays.copyOfRange(data, PREFIX, PREFIX + length);
        check(prefix.getInt() == crc(Arrays.copyOf(data, PREFIX - 4), head), "UNDECODABLE");
        try {
            SnapshotHeader header = SnapshotHeader.parseFrom(head);
            check(header.getCodec().equals("protobuf") && header.getCompression() == 0, "UNSUPPORTED_CODEC");
            long size = header.getCapsuleSize() + header.getStateSize();
            check(header.getCapsuleSize() >= 0 && header.getStateSize() >= 0 && size >= 0 && size <= MAX_BYTES, "TOO_LARGE");
            byte[] stored = stored(Arrays.copyOfRange(data, PREFIX + length, data.length), (int) size);
            check(Arrays.equals(sha256(stored), header.getSha256().toByteArray()), "UNDECODABLE");
            int capsule = (int) header.getCapsuleSize();
            Capsule.parseFrom(Arrays.copyOf(stored, capsule));
            return seen(header, ByteString.copyFrom(stored, capsule, stored.length - capsule), schema);
        } catch (InvalidProtocolBufferException error) {
            throw new Refused("UNDECODABLE");
        }
    }

    private static int headerLength(ByteBuffer prefix) throws Refused {
        byte[] magic = new byte[MAGIC.length];
        prefix.get(magic);
        check(Arrays.equals(magic, MAGIC), "UNDECODABLE");
        int format = prefix.getInt();
        int leastReader = prefix.getInt();
        check(Integer.compareUnsigned(leastReader, FORMAT) <= 0 && format != 0, "UNSUPPORTED_VERSION");
        int length = prefix.getInt();
        check(Integer.compareUnsigned(length, MAX_HEADER) <= 0, "TOO_LARGE");
        return length;
    }

    private static byte[] stored(byte[] data, int size) throws Refused {
        check(data.length == size + 4L * ((size + CHUNK - 1) / CHUNK), "UNDECODABLE");
        ByteBuffer stored = ByteBuffer.allocate(size);
        for (int at = 0; at < data.length; at += CHUNK + 4) {
            int end = Math.min(at + CHUNK, data.length - 4);
            byte[] chunk = Arrays.copyOfRange(data, at, end);
            check(littleEndian(ByteBuffer.wrap(data, end, 4)).getInt() == crc(chunk), "UNDECODABLE");
            stored.put(chunk);
        }
        return stored.array();
    }

    private static Seen seen(SnapshotHeader header, ByteString state, Schema schema) throws Refused, IOException {
        String name = header.getType().startsWith(PACKAGE) ? header.getType().substring(PACKAGE.length()) : "";
        check(header.getVersion() <= schema.version(name), "UNSUPPORTED_VERSION");
        Message message = Payloads.decode(schema.builder(name), state, Payloads.PROTOBUF);
        Seen.Builder seen = Seen.newBuilder()
                .addFields(Field.newBuilder().setName("actor").setText(header.getActor()))
                .addFields(Field.newBuilder().setName("type").setText(header.getType()))
                .addFields(Field.newBuilder().setName("epoch").setNumber(header.getEpoch()))
                .addFields(Field.newBuilder().setName("seq").setNumber(header.getSeq()))
                .addFields(Field.newBuilder().setName("version").setNumber(header.getVersion()));
        Fields.show(seen, message, "state.");
        return seen.build();
    }

    private static void check(boolean holds, String code) throws Refused {
        if (!holds) {
            throw new Refused(code);
        }
    }

    private static ByteBuffer littleEndian(ByteBuffer buffer) {
        return buffer.order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int crc(byte[]... parts) {
        CRC32C crc = new CRC32C();
        for (byte[] part : parts) {
            crc.update(part, 0, part.length);
        }
        return (int) crc.getValue();
    }

    private static byte[] sha256(byte[] data) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(data);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}

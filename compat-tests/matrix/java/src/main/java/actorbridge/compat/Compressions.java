package actorbridge.compat;

import actorbridge.v1.EnvelopeOuterClass.Compression;
import actorbridge.v1.EnvelopeOuterClass.Envelope;
import actorbridge.v1.FrameOuterClass.Capability;
import com.google.protobuf.ByteString;
import io.airlift.compress.Compressor;
import io.airlift.compress.Decompressor;
import io.airlift.compress.lz4.Lz4Compressor;
import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.zstd.ZstdCompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.util.List;

/** Payloads that are compressed, by docs/COMPRESSION.md and aircompressor, which is written in Java. */
final class Compressions {
    private Compressions() {}

    /** What a Hello says of a client that reads this compression. */
    static List<Integer> capabilities(int compression) {
        return switch (compression) {
            case Compression.COMPRESSION_ZSTD_VALUE -> List.of(Capability.CAPABILITY_ZSTD_PAYLOADS_VALUE);
            case Compression.COMPRESSION_LZ4_VALUE -> List.of(Capability.CAPABILITY_LZ4_PAYLOADS_VALUE);
            default -> List.of();
        };
    }

    static ByteString compressed(int compression, ByteString payload) {
        Compressor by = compression == Compression.COMPRESSION_ZSTD_VALUE ? new ZstdCompressor() : new Lz4Compressor();
        byte[] plain = payload.toByteArray();
        byte[] out = new byte[by.maxCompressedLength(plain.length)];
        int length = by.compress(plain, 0, plain.length, out, 0, out.length);
        return ByteString.copyFrom(out, 0, length);
    }

    /** The payload as it was before it was compressed. */
    static ByteString decompressed(Envelope envelope) {
        Decompressor by =
                switch (envelope.getCompression()) {
                    case COMPRESSION_ZSTD -> new ZstdDecompressor();
                    case COMPRESSION_LZ4 -> new Lz4Decompressor();
                    default -> null;
                };
        if (by == null) {
            return envelope.getPayload();
        }
        byte[] packed = envelope.getPayload().toByteArray();
        byte[] plain = new byte[Math.toIntExact(envelope.getRawSize())];
        int length = by.decompress(packed, 0, packed.length, plain, 0, plain.length);
        if (length != plain.length) {
            throw new IllegalStateException(
                    "a payload of " + length + " bytes, not of " + plain.length + " as its envelope says");
        }
        return ByteString.copyFrom(plain);
    }
}

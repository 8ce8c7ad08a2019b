package actorbridge.compat;

import actorbridge.compat.v1.Field;
import actorbridge.v1.Options;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.ExtensionRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The messages of package versions.v1, in one of its versions. */
final class Schema {
    private final FileDescriptor desk;

    Schema(String version) throws Exception {
        ExtensionRegistry options = ExtensionRegistry.newInstance();
        Options.registerAllExtensions(options);
        try (InputStream in = Schema.class.getResourceAsStream("/" + version + "/desk.binpb")) {
            if (in == null) {
                throw new IOException("start it with v1 or v2, not with " + version);
            }
            Map<String, FileDescriptor> files = new HashMap<>();
            // The compiler has put imports first.
            for (FileDescriptorProto file : FileDescriptorSet.parseFrom(in, options).getFileList()) {
                FileDescriptor[] imports =
                        file.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
                files.put(file.getName(), FileDescriptor.buildFrom(file, imports));
            }
            desk = files.get("versions/v1/desk.proto");
        }
    }

    DynamicMessage.Builder builder(String name) throws IOException {
        return DynamicMessage.newBuilder(descriptor(name));
    }

    /** The version that the schema declares for this message. */
    int version(String name) throws IOException {
        int version = descriptor(name).getOptions().getExtension(Options.message).getVersion();
        return Math.max(version, 1);
    }

    /** The message with these fields, encoded. */
    ByteString made(String name, List<Field> fields) throws IOException {
        return Fields.encoded(message(name, fields));
    }

    DynamicMessage message(String name, List<Field> fields) throws IOException {
        DynamicMessage.Builder message = builder(name);
        for (Field field : fields) {
            Fields.put(message, field.getName(), field);
        }
        return message.build();
    }

    private Descriptor descriptor(String name) throws IOException {
        Descriptor descriptor = desk.findMessageTypeByName(name);
        if (descriptor == null) {
            throw new IOException("the schema has no message " + name);
        }
        return descriptor;
    }
}

package actorbridge.bench;

import bench.codec.v1.Codec;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * What the suite `codec` measures in Java: it gets a line of JSON for each measurement, and answers with one. A case is
 * CODEC/MESSAGE/WHAT, such as json/flight/decode; the codec array is MessagePack of plain objects (ArrayCodec).
 */
public final class Main {
    private static final OperatingSystemMXBean PROCESS =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    private static final ThreadMXBean THREADS = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);

    /** What the cases did, so that no compiler leaves it out. */
    private static long worked;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            System.err.println("usage: bench-codec-java FLIGHTS.csv.gz WARM_UP_MS");
            System.exit(2);
        }
        List<Codec.Flight> flights = Flights.read(Path.of(arguments[0]));
        long warmUp = TimeUnit.MILLISECONDS.toNanos(Long.parseLong(arguments[1]));
        Map<String, Case> cases = Cases.all(flights);
        Set<String> warm = new HashSet<>();
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            JsonObject order = JsonParser.parseString(line).getAsJsonObject();
            String name = order.get("case").getAsString();
            Case wanted = cases.get(name);
            JsonObject answer = new JsonObject();
            if (wanted == null) {
                answer.addProperty("error", "there is no case " + name);
            } else {
                if (warm.add(name)) {
                    warm(wanted, warmUp);
                }
                measure(wanted, order.get("n").getAsLong(), answer);
            }
            System.out.println(answer);
        }
    }

    /** Before its first measurement a case runs for a while: the virtual machine compiles what runs often. */
    private static void warm(Case wanted, long nanos) throws Exception {
        for (long start = System.nanoTime(); System.nanoTime() - start < nanos; ) {
            worked += wanted.once();
        }
    }

    private static void measure(Case wanted, long n, JsonObject answer) throws Exception {
        System.gc(); // what the case before left is not this one's
        long bytes = 0;
        long allocated = THREADS.getCurrentThreadAllocatedBytes();
        long used = cpuTime();
        long start = System.nanoTime();
        for (long i = 0; i < n; i++) {
            bytes += wanted.once();
        }
        answer.addProperty("n", n);
        answer.addProperty("ns", System.nanoTime() - start);
        answer.addProperty("cpu_ns", Math.max(cpuTime() - used, 0));
        answer.addProperty("peer_cpu_ns", 0);
        answer.addProperty("alloc_bytes", THREADS.getCurrentThreadAllocatedBytes() - allocated);
        answer.addProperty("bytes", bytes);
        worked += bytes;
    }

    /**
     * What all threads have used so far, in nanoseconds: those that collect garbage and compile too. The virtual machine itself
     * tells it in steps of 10 ms only.
     */
    private static long cpuTime() throws IOException {
        File[] threads = new File("/proc/self/task").listFiles();
        if (threads == null) {
            return PROCESS.getProcessCpuTime();
        }
        Thread.yield(); // Linux brings the number up to date when a thread may be switched
        long used = 0;
        for (File thread : threads) {
            String stat = Files.readString(thread.toPath().resolve("schedstat"));
            used += Long.parseLong(stat.substring(0, stat.indexOf(' ')));
        }
        return used;
    }
}

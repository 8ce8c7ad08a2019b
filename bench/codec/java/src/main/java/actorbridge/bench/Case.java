package actorbridge.bench;

/** What is measured: one time, which tells how many bytes it worked on. */
interface Case {
    int once() throws Exception;
}

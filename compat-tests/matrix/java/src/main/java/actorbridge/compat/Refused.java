package actorbridge.compat;

/** Bytes, or a message, that were refused with a code. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String code) {
        super(code);
    }
}

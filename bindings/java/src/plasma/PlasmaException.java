package plasma;

/** A call that failed. */
public final class PlasmaException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final Status status;

    PlasmaException(Status status, String message) {
        super(status + ": " + message);
        this.status = status;
    }

    /** Returns the status of the call. */
    public Status status() {
        return status;
    }
}

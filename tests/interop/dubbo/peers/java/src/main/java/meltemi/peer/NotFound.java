package meltemi.peer;

public class NotFound extends Exception {
    private final String name;
    private final int code;

    public NotFound(String name, int code) {
        super("not found: " + name);
        this.name = name;
        this.code = code;
    }

    public String getName() {
        return name;
    }

    public int getCode() {
        return code;
    }
}

package meltemi.peer;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

public interface Talk {
    String text(String value);

    long number(long value);

    Item item(Item value);

    /** Arguments of every kind before the attachments; returns how many there were of each. */
    String mixed(int[] ints, List<Item> items, Map<Integer, List<Item>> byNumber, Object any, char letter, float part);

    String nothing(String value);

    void fail(String name) throws NotFound;

    String crash(String why);

    CompletableFuture<String> later(String value);

    void note(String value);

    int notes();

    /** What the caller has sent along under these keys; something is sent along with the answer. */
    Map<String, String> attached(String[] keys);
}

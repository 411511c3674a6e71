package meltemi.peer;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.dubbo.rpc.RpcContext;

/** `prefix` tells one provider from another. */
public class TalkService implements Talk {
    private final String prefix;
    private final AtomicInteger notes = new AtomicInteger();

    public TalkService(String prefix) {
        this.prefix = prefix;
    }

    @Override
    public String text(String value) {
        return prefix + value;
    }

    @Override
    public long number(long value) {
        return value;
    }

    @Override
    public Item item(Item value) {
        return value;
    }

    @Override
    public String mixed(int[] ints, List<Item> items, Map<Integer, List<Item>> byNumber, Object any, char letter, float part) {
        return ints.length + " " + items.size() + " " + byNumber.get(7).size() + " " + any + " " + letter + " " + part;
    }

    @Override
    public String nothing(String value) {
        return null;
    }

    @Override
    public void fail(String name) throws NotFound {
        throw new NotFound(name, 404);
    }

    @Override
    public String crash(String why) {
        throw new IllegalStateException(why);
    }

    @Override
    public CompletableFuture<String> later(String value) {
        return CompletableFuture.supplyAsync(() -> value, CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS));
    }

    @Override
    public void note(String value) {
        notes.incrementAndGet();
    }

    @Override
    public int notes() {
        return notes.get();
    }

    @Override
    public Map<String, String> attached(String[] keys) {
        Map<String, String> found = new TreeMap<>();
        for (String key : keys) found.put(key, String.valueOf(RpcContext.getContext().getAttachment(key)));
        RpcContext.getServerContext().setAttachment("shade", "dark 😀");
        return found;
    }
}

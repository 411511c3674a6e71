package meltemi.peer;

import java.io.BufferedReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.EchoService;

/** Makes calls by name. Each gives what came of it under some names, as the other peers do. */
final class Consumer {
    private static final String TEXT = "καλημέρα 😀";
    private static final String LONG = "y".repeat(2000);
    private static final int CROWD = 200;
    private final ApplicationConfig application;
    private final Map<String, String> options;
    private final Map<Integer, References> references = new HashMap<>();

    Consumer(ApplicationConfig application, Map<String, String> options) {
        this.application = application;
        this.options = options;
    }

    void run(BufferedReader lines) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ", 2);
            References to = references.computeIfAbsent(
                Integer.valueOf(parts[0]), port -> new References(application, options, port));
            Map<String, Object> outcome = new TreeMap<>();
            long start = System.nanoTime();
            try {
                call(to, parts[1], outcome);
            } catch (Throwable error) {
                describe(error, outcome);
            }
            outcome.put("ms", (System.nanoTime() - start) / 1e6);
            outcome.put("call", parts[1]);
            out.println(Json.of(outcome));
        }
    }

    private void call(References to, String name, Map<String, Object> outcome) throws Exception {
        Talk talk = to.talk;
        switch (name) {
            case "text" -> outcome.put("result", talk.text(TEXT));
            case "blue" -> outcome.put("result", to.blue().text(TEXT));
            case "big" -> {
                String big = "x😀".repeat(100_000);
                outcome.put("same", big.equals(talk.text(big)));
            }
            case "number" -> outcome.put("result", String.valueOf(talk.number(9_007_199_254_740_993L)));
            case "item" -> {
                Item item = Item.sample("one");
                outcome.put("same", item.isSameAs(talk.item(item)));
            }
            case "mixed" -> outcome.put("result", mixed(talk));
            case "nothing" -> outcome.put("result", talk.nothing(TEXT));
            case "fail" -> talk.fail("nobody");
            case "crash" -> talk.crash("why not");
            case "later" -> outcome.put("result", talk.later(TEXT).get(5, TimeUnit.SECONDS));
            case "note" -> {
                talk.note(TEXT);
                outcome.put("result", null);
            }
            case "notes" -> outcome.put("result", talk.notes());
            case "echo" -> outcome.put("result", ((EchoService) talk).$echo(TEXT));
            case "crowd" -> outcome.put("right", IntStream.range(0, CROWD).parallel()
                .filter(n -> ("n" + n).equals(talk.text("n" + n))).count());
            case "generic" -> outcome.put("result", generic(to, "text", "java.lang.String", TEXT));
            case "generic item" -> {
                Map<String, Object> item = new HashMap<>(Map.of("class", Item.class.getName(), "name", "four", "count", 4));
                outcome.put("result", ((Map<?, ?>) generic(to, "item", Item.class.getName(), item)).get("name"));
            }
            case "generic fail" -> generic(to, "fail", "java.lang.String", "nobody");
            case "attached" -> attached(talk, outcome);
            default -> throw new IllegalArgumentException("no call is named " + name);
        }
    }

    private String mixed(Talk talk) {
        Item item = Item.sample("two");
        Map<Integer, List<Item>> byNumber = new HashMap<>(Map.of(7, new ArrayList<>(List.of(item, item))));
        List<Item> items = new ArrayList<>(List.of(item, Item.sample("three")));
        return talk.mixed(new int[] {1, 2, 3}, items, byNumber, new ArrayList<>(List.of(1.5, "a")), '€', 0.5f);
    }

    private Object generic(References to, String method, String type, Object argument) {
        return to.generic().$invoke(method, new String[] {type}, new Object[] {argument});
    }

    private void attached(Talk talk, Map<String, Object> outcome) {
        RpcContext.getContext().setAttachment("color", "blue 😀");
        RpcContext.getContext().setAttachment("long", LONG);
        Map<String, String> found = talk.attached(new String[] {"color", "long", "added", "absent"});
        outcome.put("longIsWhole", LONG.equals(found.remove("long")));
        outcome.put("sent", found);
        outcome.put("answered", RpcContext.getServerContext().getAttachment("shade"));
        outcome.put("answerAdded", RpcContext.getServerContext().getAttachment("answer-added"));
    }

    private void describe(Throwable thrown, Map<String, Object> outcome) {
        Throwable error = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
        outcome.put("exception", error.getClass().getSimpleName());
        outcome.put("message", error.getMessage());
        if (error instanceof RpcException rpc) outcome.put("code", rpc.getCode());
        if (error instanceof NotFound notFound) {
            outcome.put("name", notFound.getName());
            outcome.put("code", notFound.getCode());
        }
    }
}

package meltemi.peer;

import java.io.BufferedReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.EchoService;
import org.apache.dubbo.rpc.service.GenericService;

/** Makes calls by name. Each gives what came of it under some names, as the other peers do. */
final class Consumer {
    private static final String TEXT = "καλημέρα 😀";
    private final ApplicationConfig application;
    private final Map<String, String> options;
    private final Talk talk;
    private final Talk blue;
    private final GenericService generic;

    Consumer(ApplicationConfig application, Map<String, String> options) {
        this.application = application;
        this.options = options;
        this.talk = refer(new ReferenceConfig<Talk>(), Talk.class);
        ReferenceConfig<Talk> other = new ReferenceConfig<>();
        other.setGroup("blue");
        other.setVersion("2.0.0");
        this.blue = refer(other, Talk.class);
        ReferenceConfig<GenericService> untyped = new ReferenceConfig<>();
        untyped.setGeneric("true");
        this.generic = refer(untyped, null);
    }

    private <T> T refer(ReferenceConfig<T> reference, Class<?> type) {
        MethodConfig note = new MethodConfig();
        note.setName("note");
        note.setReturn(false);
        reference.setApplication(application);
        if (type == null) reference.setInterface(Talk.class.getName());
        else reference.setInterface(type);
        String more = options.containsKey("query") ? "?" + options.get("query") : "";
        reference.setUrl("dubbo://127.0.0.1:" + options.get("port") + "/" + Talk.class.getName() + more);
        reference.setTimeout(Integer.valueOf(options.getOrDefault("timeout", "5000")));
        reference.setRetries(0);
        reference.setCheck(false);
        reference.setMethods(new ArrayList<>(List.of(note)));
        return reference.get();
    }

    void run(BufferedReader lines) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String call = lines.readLine(); call != null; call = lines.readLine()) {
            Map<String, Object> outcome = new TreeMap<>();
            long start = System.nanoTime();
            try {
                make(call, outcome);
            } catch (Throwable error) {
                describe(error, outcome);
            }
            outcome.put("ms", (System.nanoTime() - start) / 1e6);
            outcome.put("call", call);
            out.println(Json.of(outcome));
        }
    }

    private void make(String call, Map<String, Object> outcome) throws Exception {
        switch (call) {
            case "text" -> outcome.put("result", talk.text(TEXT));
            case "blue" -> outcome.put("result", blue.text(TEXT));
            case "big" -> {
                String big = "x😀".repeat(100_000);
                outcome.put("same", big.equals(talk.text(big)));
            }
            case "number" -> outcome.put("result", String.valueOf(talk.number(9_007_199_254_740_993L)));
            case "item" -> {
                Item item = Item.sample("one");
                outcome.put("same", item.isSameAs(talk.item(item)));
            }
            case "mixed" -> {
                Item item = Item.sample("two");
                Map<Integer, List<Item>> byNumber = new HashMap<>(Map.of(7, new ArrayList<>(List.of(item, item))));
                Object any = new ArrayList<>(List.of(1.5, "a"));
                List<Item> items = new ArrayList<>(List.of(item, Item.sample("three")));
                outcome.put("result", talk.mixed(new int[] {1, 2, 3}, items, byNumber, any, '€', 0.5f));
            }
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
            case "generic" -> {
                String[] types = {"java.lang.String"};
                outcome.put("result", generic.$invoke("text", types, new Object[] {TEXT}));
            }
            case "generic item" -> {
                Map<String, Object> item = new HashMap<>(Map.of("class", Item.class.getName(), "name", "four", "count", 4));
                Object result = generic.$invoke("item", new String[] {Item.class.getName()}, new Object[] {item});
                outcome.put("result", ((Map<?, ?>) result).get("name"));
            }
            case "generic fail" -> generic.$invoke("fail", new String[] {"java.lang.String"}, new Object[] {"nobody"});
            case "attached" -> {
                RpcContext.getContext().setAttachment("color", "blue 😀");
                RpcContext.getContext().setAttachment("long", "y".repeat(2000));
                Map<String, String> found = talk.attached(new String[] {"color", "long", "added", "group", "absent"});
                outcome.put("longIsWhole", "y".repeat(2000).equals(found.remove("long")));
                outcome.put("sent", found);
                outcome.put("answered", RpcContext.getServerContext().getAttachment("shade"));
                outcome.put("answeredMore", RpcContext.getServerContext().getAttachment("answer-added"));
            }
            default -> throw new IllegalArgumentException("no call is named " + call);
        }
    }

    private void describe(Throwable thrown, Map<String, Object> outcome) {
        Throwable error = thrown instanceof java.util.concurrent.ExecutionException ? thrown.getCause() : thrown;
        outcome.put("exception", error.getClass().getSimpleName());
        outcome.put("message", error.getMessage());
        if (error instanceof RpcException rpc) outcome.put("code", rpc.getCode());
        if (error instanceof NotFound notFound) {
            outcome.put("name", notFound.getName());
            outcome.put("code", notFound.getCode());
        }
    }
}

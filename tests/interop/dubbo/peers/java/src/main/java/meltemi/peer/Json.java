package meltemi.peer;

import java.util.Map;
import java.util.stream.Collectors;

final class Json {
    static String of(Object value) {
        if (value == null) return "null";
        if (value instanceof Number || value instanceof Boolean) return value.toString();
        if (!(value instanceof Map<?, ?> map)) return quote(value.toString());
        return map.entrySet().stream()
            .map(entry -> quote(entry.getKey().toString()) + ":" + of(entry.getValue()))
            .collect(Collectors.joining(",", "{", "}"));
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') quoted.append('\\').append(letter);
            else if (letter < ' ') quoted.append(String.format("\\u%04x", (int) letter));
            else quoted.append(letter);
        }
        return quoted.append('"').toString();
    }
}

package meltemi.peer;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** One of everything, and itself within itself. */
public class Item implements Serializable {
    public enum Color {
        RED,
        BLUE
    }

    private String name;
    private int count;
    private long big;
    private double price;
    private boolean isNew;
    private Date when;
    private Color color;
    private BigDecimal exact;
    private byte[] raw;
    private List<String> tags;
    private Map<String, Object> more;
    private Item self;
    private Item absent;

    public static Item sample(String name) {
        Item item = new Item();
        item.name = name;
        item.count = 70_000;
        item.big = 1L << 60;
        item.price = 0.1;
        item.isNew = true;
        item.when = new Date(1_700_000_000_123L);
        item.color = Color.BLUE;
        item.exact = new BigDecimal("12345678901234567890.123456789");
        item.raw = new byte[5000];
        item.tags = new ArrayList<>(List.of("α", "😀", ""));
        item.more = new HashMap<>(Map.of("list", new ArrayList<>(List.of(1, 2L, 3.5)), "map", new TreeMap<>(Map.of("k", 1))));
        item.self = item;
        return item;
    }

    public String getName() {
        return name;
    }

    /** Without it a generic call could not set the name. */
    public void setName(String name) {
        this.name = name;
    }

    public boolean isSameAs(Item other) {
        return Objects.equals(name, other.name)
            && count == other.count
            && big == other.big
            && price == other.price
            && isNew == other.isNew
            && Objects.equals(when, other.when)
            && color == other.color
            && Objects.equals(exact, other.exact)
            && Arrays.equals(raw, other.raw)
            && Objects.equals(tags, other.tags)
            && Objects.equals(more, other.more)
            && other.self == other
            && other.absent == null;
    }
}

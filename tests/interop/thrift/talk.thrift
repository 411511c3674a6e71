// What the peers of the interoperability tests say to each other.
namespace go talk
namespace py talk

enum Color { RED = 1, BLUE = 2 }

exception NotFound {
  1: string name
  2: i32 code
}

struct Item {
  1: string name
  2: i64 id
  3: double weight
  4: bool fresh
  5: bool stale
  6: list<string> tags
  7: map<string, i32> counts
  8: set<i16> sizes
  9: Color color
  10: i8 level
  // npm reads every true in a compact list as false
  11: list<bool> flags
  12: map<i32, map<string, list<double>>> nested
  // far from the field before: its id takes the long form in compact
  300: list<Item> children
}

service Echo {
  string text(1: string value)
  i64 number(1: i64 value)
  Item item(1: Item value)
  map<string, list<i64>> lists(1: map<string, list<i64>> value)
  void fail(1: string name) throws (1: NotFound notFound)
  oneway void note(1: string value)
  // how many notes have come: a one-way call has no other witness
  i32 notes()
}

// Clients speak this one, servers the one above, so `added` is a method that the server does not know.
service LaterEcho extends Echo {
  string added(1: string value)
}

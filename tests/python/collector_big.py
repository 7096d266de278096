"""Collections of a heap that is large enough for all cores to mark."""
import gc
import itertools
import weakref


def tree(depth):
    if depth == 0:
        return [None, None]
    node = [tree(depth - 1), tree(depth - 1)]
    node.append(node)
    return node


def size(node):
    n, left = 0, [node]
    while left:
        node = left.pop()
        n += 1
        left.extend(child for child in node[:2] if child is not None)
    return n


class Node:
    def __init__(self, next):
        self.next = next


def ring(n):
    first = last = Node(None)
    for _ in range(n - 1):
        last = Node(last)
    first.next = last
    return first


def length(head):
    n, node = 1, head.next
    while node is not head:
        n, node = n + 1, node.next
    return n


gc.collect()
gc.disable()
kept = tree(16)
wide = [[i] for i in range(100_000)]
shared = [wide[0]] * 100_000
# Held by native iterators alone.
chained = itertools.chain(*[[ring(1000)], map(ring, [10, 20])])
garbage = [tree(12) for _ in range(8)]
rings = [ring(1000) for _ in range(20)]
watched = weakref.ref(rings[7].next)
surviving = weakref.ref(kept_ring := ring(500))
print(size(kept), sum(item[0] for item in wide), len(shared))
print("alive:", gc.collect())
del garbage
print("lists:", gc.collect())
print(watched() is None)
del rings
print("rings:", gc.collect(), watched() is None, surviving() is kept_ring)
print(size(kept), sum(item[0] for item in wide), shared[-1])
print([length(head) for head in chained])


class Revived:
    def __init__(self):
        self.me = self
        self.tail = ring(100)

    def __del__(self):
        revived.append(self)


revived = []
for _ in range(50):
    Revived()
print("finalized:", gc.collect(), len(revived), all(object.me is object for object in revived))
print(length(revived[0].tail))
gc.enable()

#include "attacks.h"

// The words of a descriptor that claims `total` and `header` words of 8 bytes.
static void put_descriptor(struct channel *channel, u16 type, u16 header, u16 total)
{
    struct { u16 type, header, total, flags; u64 transaction; } descriptor = {type, header, total, WANTED, 1};
    put(channel, &descriptor, sizeof(descriptor));
}

static void put_zeros(struct channel *channel, u32 bytes)
{
    static const u8 zeros[PAGE];
    for (; bytes > PAGE; bytes -= PAGE) put(channel, zeros, PAGE);
    put(channel, zeros, bytes);
}

// The channel under attack is lost, the other one and a new connection are not.
static void lose(struct channel *victim, const char *what)
{
    bool is_primary = victim->id == primary_id;
    expect_rescind(what, victim->id);
    if (is_primary) check("the sub-channel goes before its primary", true, was_rescinded(subchannel_id));
    else check_channel(&primary);
    recover();
}

static void attack_write_index(struct channel *victim)
{
    static const u32 indices[] = {1, 4, RING_BYTES + 8, RING_BYTES + 4, 0x7FFFFFF8, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(indices); i++)
    {
        outbound(victim)->write = indices[i];
        signal(victim->connection);
        lose(victim, "an index that is none");
    }

    // In between lies what was read already.
    check_channel(victim);
    outbound(victim)->write = victim->write - 16;
    signal(victim->connection);
    lose(victim, "an index that moved backwards");

    outbound(victim)->write = victim->write + 8;
    signal(victim->connection);
    lose(victim, "less than a descriptor");
}

static void attack_read_index(struct channel *victim)
{
    static const u32 indices[] = {4, RING_BYTES + 8, 0x80000000, 0xFFFFFFFF, 4096};
    for (u32 i = 0; i < COUNT(indices); i++)
    {
        struct vstor request = make_request(0, READ_DATA, 0, PAGE);
        struct buffer buffer = make_buffer(PAGE);
        inbound(victim)->read = indices[i];
        send_request(victim, &request, &buffer, 1);
        lose(victim, "a read index that is none");
    }
}

static void attack_descriptors(struct channel *victim)
{
    static const struct { const char *what; u16 header, total; u32 bytes; } packets[] = {
        {"no length", 2, 0, 64},
        {"no header", 0, 8, 64},
        {"half a descriptor", 1, 8, 64},
        {"a header beyond the packet", 9, 8, 64},
        {"the longest header", 0xFFFF, 8, 64},
        {"a packet beyond what was written", 2, 9, 64},
        {"the longest packet", 2, 0xFFFF, 64},
        {"a packet over the trailer", 2, 3, 24},
        {"a packet that nobody sends", 2, 40000 / 8, 40000},
    };
    for (u32 i = 0; i < COUNT(packets); i++)
    {
        put_descriptor(victim, INBAND, packets[i].header, packets[i].total);
        put_zeros(victim, packets[i].bytes - 16 + (packets[i].bytes > 64 ? 8 : 0));
        publish(victim);
        lose(victim, packets[i].what);
    }
}

// Words that only the host writes, and what it has read already: no harm but to the guest.
static void attack_host_words(struct channel *victim)
{
    for (u32 i = 0; i < 20; i++)
    {
        outbound(victim)->mask = 0xFFFFFFFF;
        outbound(victim)->pending = i % 2 ? 0xFFFFFFFF : 8;
        inbound(victim)->pending = 0xFFFFFFFF;
        check_channel(victim);
    }

    outbound(victim)->pending = 0;
    u32 read = outbound(victim)->read;
    outbound(victim)->read = 0xFFFFFFFF;
    signal(victim->connection);
    outbound(victim)->read = read;
    check_channel(victim);
}

void attack_rings(void)
{
    struct channel *victims[] = {&subchannel, &primary};
    for (u32 i = 0; i < COUNT(victims); i++)
    {
        begin(i ? "write index of the primary" : "write index of a sub-channel");
        attack_write_index(victims[i]);
        begin(i ? "read index of the primary" : "read index of a sub-channel");
        attack_read_index(victims[i]);
        begin(i ? "descriptors to the primary" : "descriptors to a sub-channel");
        attack_descriptors(victims[i]);
        begin(i ? "the host's words of the primary" : "the host's words of a sub-channel");
        attack_host_words(victims[i]);
    }
}

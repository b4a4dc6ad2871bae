using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Network.Links.Taps;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>Frames that an adapter does not want never reach its memory.</summary>
public sealed class TapFilterTests
{
    private const byte Secret = 0xa5;
    private static readonly MacAddress Broadcast = Packets.Mac("ff:ff:ff:ff:ff:ff");

    // Ours, one that differs in the first and one that differs in the last byte, groups close to broadcast, and broadcast.
    private static readonly MacAddress[] Destinations =
    [
        Packets.Mac(2), Packets.Mac(3), Packets.Mac("50:54:00:00:00:02"), Packets.Mac("01:00:5e:00:00:01"), Packets.Mac("33:33:00:00:00:01"),
        Packets.Mac("ff:ff:ff:ff:ff:fe"), Packets.Mac("fd:ff:ff:ff:ff:ff"), Broadcast,
    ];

    [Fact]
    public void Kernels_program_accepts_what_the_filter_accepts()
    {
        for (int kinds = 0; kinds < 16; kinds++)
        {
            var filter = new FrameFilter(Packets.Mac(2), (FrameKinds)kinds);
            BpfInstruction[] program = TapFilter.Write(filter);
            foreach (MacAddress destination in Destinations)
            {
                bool passes = Interpret(program, Packets.Plain(destination, Packets.Mac(1), 0));
                Assert.True(filter.Accepts(destination) == passes, $"{filter.Accepted}: {destination}");
            }
        }
    }

    [NetworkFact]
    public void Frames_for_others_never_reach_an_adapters_memory() => NetworkNamespace.Run(() =>
    {
        using ILink sender = TapLinkTests.Open("tap=a0");
        using ILink wanting = TapLinkTests.Open("tap=b0");
        using ILink curious = TapLinkTests.Open("tap=c0");
        TapLinkTests.Bridge("a0", "b0", "c0");
        wanting.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed | FrameKinds.Broadcast));
        curious.SetFilter(new FrameFilter(Packets.Mac(3), FrameKinds.Everything));
        using var from = new Adapter(sender);
        using var to = new Adapter(wanting);
        using var other = new Adapter(curious);
        // The first round is judged in host memory, the second by the kernel.
        for (int round = 0; round < 2; round++)
        {
            foreach (MacAddress destination in Destinations.Where(address => address != Packets.Mac(2) && address != Broadcast))
                Assert.True(from.Send(Packets.Plain(destination, Packets.Mac(1), Secret)));
            Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), 1)));
            Assert.True(from.Send(Packets.Plain(Broadcast, Packets.Mac(1), 2)));
            to.Wait(() => to.Frames.Count == 2 * (round + 1));
        }

        // The bridge gave them to every port: the one that wants all has them.
        other.Wait(() => other.Frames.Count(frame => frame.Bytes[50] == Secret) == 12);
        Assert.Equal([1, 2, 1, 2], to.Frames.Select(frame => frame.Bytes[50]));
        Assert.DoesNotContain(Secret, to.ReceiveMemory());
    });

    [NetworkFact]
    public void Frames_that_waited_are_judged_by_the_new_filter() => NetworkNamespace.Run(() =>
    {
        using ILink sender = TapLinkTests.Open("tap=a0");
        using ILink link = TapLinkTests.Open("tap=b0");
        TapLinkTests.Bridge("a0", "b0");
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Everything));
        using var from = new Adapter(sender);
        using var to = new Adapter(link, starved: true);
        for (int i = 0; i < 3; i++) Assert.True(from.Send(Packets.Plain(Packets.Mac(9), Packets.Mac(1), Secret)));
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
        Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), 1)));
        to.Feed();
        to.Wait(() => to.Frames.Count == 1);
        Assert.Equal(3, to.Counters.ReceiveFiltered);
        Assert.DoesNotContain(Secret, to.ReceiveMemory());
    });

    [NetworkFact]
    public void Queue_opened_later_is_filtered_too() => NetworkNamespace.Run(() =>
    {
        using ILink sender = TapLinkTests.Open("tap=a0");
        using ILink link = TapLinkTests.Open("tap=b0");
        TapLinkTests.Bridge("a0", "b0");
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
        using var from = new Adapter(sender);
        using (new Adapter(link))
        {
        }

        using var to = new Adapter(link);
        // The queue is empty after the first one, so that the kernel alone judges the others.
        for (byte i = 1; i < 9; i++)
        {
            Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), i)));
            to.Wait(() => to.Frames.Count == i);
            Assert.True(from.Send(Packets.Plain(Packets.Mac(9), Packets.Mac(1), Secret)));
        }

        Assert.Equal(8, to.Frames.Count);
        Assert.DoesNotContain(Secret, to.ReceiveMemory());
    });

    [NetworkFact]
    public void Adapter_that_has_not_said_what_it_wants_gets_nothing() => NetworkNamespace.Run(() =>
    {
        using ILink sender = TapLinkTests.Open("tap=a0");
        using ILink link = TapLinkTests.Open("tap=b0");
        TapLinkTests.Bridge("a0", "b0");
        using var from = new Adapter(sender);
        using var to = new Adapter(link);
        Assert.True(from.Send(Packets.Plain(Broadcast, Packets.Mac(1), Secret)));
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Broadcast));
        Assert.True(from.Send(Packets.Plain(Broadcast, Packets.Mac(1), 1)));
        to.Wait(() => to.Frames.Count > 0);
        Assert.Equal(1, to.Frames[0].Bytes[50]);
        Assert.DoesNotContain(Secret, to.ReceiveMemory());
    });

    private static bool Interpret(BpfInstruction[] program, byte[] frame)
    {
        uint value = 0;
        for (int i = 0; ; i++)
        {
            BpfInstruction step = program[i];
            int at = (int)step.Value;
            switch (step.Code)
            {
                case 0x20:
                    value = ((uint)frame[at] << 24) | ((uint)frame[at + 1] << 16) | ((uint)frame[at + 2] << 8) | frame[at + 3];
                    break;
                case 0x28:
                    value = ((uint)frame[at] << 8) | frame[at + 1];
                    break;
                case 0x30:
                    value = frame[at];
                    break;
                case 0x15:
                    i += value == step.Value ? step.IfTrue : step.IfFalse;
                    break;
                case 0x45:
                    i += (value & step.Value) != 0 ? step.IfTrue : step.IfFalse;
                    break;
                case 0x06:
                    return step.Value != 0;
                default:
                    throw new InvalidOperationException($"Code {step.Code:x} is not expected.");
            }
        }
    }
}

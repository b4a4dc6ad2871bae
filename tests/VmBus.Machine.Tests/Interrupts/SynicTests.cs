using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Machine.Interrupts;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Machine.Tests.Interrupts;

/// <summary>The host's side of the SynIC over plain memory: when flags, messages and interrupts reach the guest.</summary>
public sealed class SynicTests : IDisposable
{
    private const ulong EventPage = 0x1000;
    private const ulong MessagePage = 0x2000;
    private const ulong SecondEventPage = 0x3000;
    private const ulong SecondMessagePage = 0x4000;
    private const ulong Slot = MessagePage + 512;
    private const ulong Flags = EventPage + 512;
    private const ulong Vector = 0xF3;
    private const ulong Masked = 1 << 16;

    private readonly GuestMemory _memory = GuestMemory.Create(64 << 10);
    private readonly FakeSynicKernel _kernel = new();
    private readonly Synic _synic;

    public SynicTests()
    {
        _synic = new Synic(_memory, 2, _kernel, NullLogger.Instance);
        for (int processor = 0; processor < 2; processor++) Assert.True(_synic.TrySetSource(processor, Vector));
    }

    public void Dispose()
    {
        _synic.Close();
        _synic.DisposeDescriptors();
        _memory.Dispose();
    }

    [Fact]
    public void Raise_sets_the_flag_in_source_two_and_interrupts_once_until_the_guest_clears_it()
    {
        Enable();
        _synic.Raise(0, 37);
        _synic.Raise(0, 37);
        Assert.Equal(0x20, Byte(Flags + 4));
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
        Write(Flags + 4, 0);
        _synic.Raise(0, 37);
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
    }

    [Theory]
    [InlineData(0u, EventPage | 1)]
    [InlineData(1u, EventPage)]
    public void Flags_raised_while_off_are_kept_and_announced_at_enable(ulong control, ulong eventPage)
    {
        _synic.Update(0, control, eventPage, MessagePage | 1);
        _synic.Raise(0, 1);
        _synic.Raise(0, 2047);
        Assert.Equal(0, Byte(Flags));
        Assert.Equal(0ul, _kernel.TakeInterrupts(0));
        Enable();
        Assert.Equal(2, Byte(Flags));
        Assert.Equal(0x80, Byte(Flags + 255));
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
    }

    [Fact]
    public void Kept_flags_are_delivered_once()
    {
        _synic.Raise(0, 5);
        Enable();
        Write(Flags, 0);
        Enable();
        Assert.Equal(0, Byte(Flags));
    }

    [Fact]
    public void Leftover_flags_and_messages_are_announced_again_when_registers_are_written()
    {
        Enable();
        _synic.Raise(0, 3);
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
        Enable();
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
        Write(Flags, 0);
        _synic.PostMessage([1]);
        _kernel.TakeInterrupts(0);
        Enable();
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
    }

    [Fact]
    public void Raise_ignores_processors_and_flags_that_do_not_exist()
    {
        Enable();
        _synic.Raise(2, 1);
        _synic.Raise(uint.MaxValue, 1);
        _synic.Raise(0, 2048);
        _synic.Raise(0, uint.MaxValue);
        Assert.Equal(0ul, _kernel.TakeInterrupts(0));
        Assert.Equal(0ul, _kernel.TakeInterrupts(1));
    }

    [Fact]
    public void Raise_allocates_nothing()
    {
        Enable();
        _synic.Raise(0, 1);
        _synic.Raise(1, 1);
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (uint i = 0; i < 1000; i++)
            {
                _synic.Raise(0, i);
                _synic.Raise(1, i);
            }
        }));
    }

    [Fact]
    public void Message_is_written_whole_and_interrupts()
    {
        Enable();
        Write(Slot + 200, 0xAA);
        Assert.True(_synic.PostMessage([9, 8, 7]));
        Assert.Equal([1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 8, 7, 0], Bytes(Slot, 20));
        Assert.Equal(0, Byte(Slot + 200));
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
        Assert.False(_synic.IsWaitingForSlot);
    }

    [Fact]
    public void Message_behind_a_busy_slot_waits_with_pending_set_and_goes_when_pumped()
    {
        Enable();
        _synic.PostMessage([1]);
        _kernel.TakeInterrupts(0);
        _synic.EndOfMessage.Signal();
        _synic.PostMessage([2]);
        Assert.True(_synic.IsWaitingForSlot);
        Assert.Equal(1, Byte(Slot + 5));
        Assert.Equal(1, Byte(Slot + 16));
        Assert.Equal(0ul, _kernel.TakeInterrupts(0));
        Assert.Equal(0ul, _synic.EndOfMessage.Drain());

        _synic.Pump();
        Assert.Equal(1, Byte(Slot + 16));
        FreeSlot();
        _synic.Pump();
        Assert.Equal(2, Byte(Slot + 16));
        Assert.Equal(0, Byte(Slot + 5));
        Assert.Equal(1ul, _kernel.TakeInterrupts(0));
        Assert.False(_synic.IsWaitingForSlot);
    }

    [Fact]
    public void Message_with_others_behind_it_carries_pending_from_the_start()
    {
        for (byte i = 1; i <= 3; i++) _synic.PostMessage([i]);
        Enable();
        Assert.Equal(1ul, _synic.EndOfMessage.Drain());
        _synic.Pump();
        Assert.Equal(1, Byte(Slot + 16));
        Assert.Equal(1, Byte(Slot + 5));
        FreeSlot();
        _synic.Pump();
        Assert.Equal(1, Byte(Slot + 5));
        FreeSlot();
        _synic.Pump();
        Assert.Equal(0, Byte(Slot + 5));
        Assert.Equal(3, Byte(Slot + 16));
    }

    [Fact]
    public void Slot_freed_just_before_the_request_is_seen_without_an_end_of_message()
    {
        // A guest as quick as it can be: it frees the slot, and signals the end of message only when it then finds the request.
        const int Count = 20_000;
        Enable();
        bool stop = false;
        var guest = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                if (Byte(Slot) == 0) continue;
                FreeSlot();
                Interlocked.MemoryBarrier();
                if ((Byte(Slot + 5) & 1) != 0) _synic.EndOfMessage.Signal();
            }
        });
        guest.Start();
        long deadline = Environment.TickCount64 + 60_000;
        bool stuck = false;
        for (int i = 0; i < Count && !stuck; i++)
        {
            _synic.PostMessage([1]);
            while (_synic.IsWaitingForSlot && !stuck)
            {
                if (_synic.EndOfMessage.Drain() > 0) _synic.Pump();
                stuck = Environment.TickCount64 > deadline;
            }
        }

        Volatile.Write(ref stop, true);
        guest.Join();
        Assert.False(stuck);
    }

    [Fact]
    public void Flags_and_messages_are_kept_while_the_source_is_masked()
    {
        Enable();
        Assert.True(_synic.TrySetSource(0, Vector | Masked));
        _synic.Raise(0, 3);
        _synic.PostMessage([7]);
        _synic.PostMessage([8]);
        // Pages that change meanwhile change nothing about it.
        Enable();
        _synic.Pump();
        Assert.Equal((0, 0), (Byte(Flags), Byte(Slot)));
        Assert.Equal(0ul, _kernel.TakeInterrupts(0));
        _ = _synic.EndOfMessage.Drain();

        Assert.True(_synic.TrySetSource(0, Vector));
        Assert.Equal((8, 1ul), (Byte(Flags), _kernel.TakeInterrupts(0)));
        Assert.Equal(1ul, _synic.EndOfMessage.Drain());
        _synic.Pump();
        Assert.Equal((7, 1ul), (Byte(Slot + 16), _kernel.TakeInterrupts(0)));
    }

    [Fact]
    public void Source_is_masked_after_a_reset()
    {
        var kernel = new FakeSynicKernel();
        var synic = new Synic(_memory, 1, kernel, NullLogger.Instance);
        synic.Update(0, 1, SecondEventPage | 1, SecondMessagePage | 1);
        synic.Raise(0, 3);
        Assert.Equal(0, Byte(SecondEventPage + 512));
        Assert.True(synic.TrySetSource(0, Vector));
        Assert.Equal((8, 1ul), (Byte(SecondEventPage + 512), kernel.TakeInterrupts(0)));
        synic.Close();
        synic.DisposeDescriptors();
    }

    [Theory]
    [InlineData(0ul, false)]
    [InlineData(15ul, false)]
    [InlineData(0xFFFF_FFFF_0000_0F0Ful, false)]
    [InlineData(16ul, true)]
    [InlineData(Masked, true)]
    [InlineData(0x2_00FFul, true)]
    public void Source_takes_vectors_that_interrupts_can_have(ulong value, bool taken)
    {
        Assert.Equal(taken, _synic.TrySetSource(1, value));
        Assert.Equal(taken ? value : Vector, _kernel.Sources[1]);
    }

    [Fact]
    public void Cleared_messages_never_arrive()
    {
        _synic.PostMessage([1]);
        _synic.ClearMessages();
        Enable();
        _synic.Pump();
        Assert.Equal(0, Byte(Slot));
        Assert.False(_synic.IsWaitingForSlot);
    }

    [Fact]
    public void Target_moves_the_end_of_message_eventfd_and_the_waiting_messages()
    {
        Assert.Same(_synic.EndOfMessage, _kernel.Assigned[0].EndOfMessage);
        Assert.Null(_kernel.Assigned[1].EndOfMessage);
        _synic.PostMessage([5]);
        _synic.Update(1, 1, SecondEventPage | 1, SecondMessagePage | 1);
        Assert.True(_synic.SetMessageTarget(1));
        Assert.Null(_kernel.Assigned[0].EndOfMessage);
        Assert.Same(_synic.EndOfMessage, _kernel.Assigned[1].EndOfMessage);
        Assert.Equal(5, Byte(SecondMessagePage + 512 + 16));
        Assert.Equal(1u, _synic.MessageTarget);
        Assert.False(_synic.SetMessageTarget(2));
        Assert.Equal(1u, _synic.MessageTarget);
    }

    [Fact]
    public void Target_that_the_kernel_refuses_leaves_the_old_one()
    {
        _kernel.AssignAnswer = (processor, end) => processor == 1 && end is not null ? Errno.ENOMEM : 0;
        Assert.False(_synic.SetMessageTarget(1));
        Assert.Same(_synic.EndOfMessage, _kernel.Assigned[0].EndOfMessage);
        Assert.Null(_kernel.Assigned[1].EndOfMessage);
        Assert.Equal(0u, _synic.MessageTarget);
    }

    [Fact]
    public void Guest_that_takes_nothing_fills_the_queue_and_no_more()
    {
        int taken = 0;
        while (_synic.PostMessage([1]) && taken < 100_000) taken++;
        Assert.Equal(MessageQueue.Limit, taken);
        Assert.False(_synic.PostMessage([1]));
    }

    [Theory]
    [InlineData(0x10000ul)]
    [InlineData(0xFFFF_FFFF_FFFF_F000ul)]
    public void Pages_outside_memory_count_as_off(ulong page)
    {
        _synic.Update(0, 1, page | 1, page | 1);
        _synic.Raise(0, 4);
        _synic.PostMessage([1]);
        Assert.True(_synic.IsWaitingForSlot);
        Enable();
        Assert.Equal(0x10, Byte(Flags));
    }

    [Fact]
    public void Bindings_refuse_doubles_and_large_ids()
    {
        using var kick = EventFd.Create();
        Assert.True(_synic.TryBind(0x2001, kick));
        Assert.False(_synic.TryBind(0x2001, kick));
        Assert.False(_synic.TryBind(0x100_0000, kick));
        _synic.Unbind(0x2001);
        _synic.Unbind(0x2001);
        Assert.True(_synic.TryBind(0x2001, kick));
    }

    private void Enable() => _synic.Update(0, 1, EventPage | 1, MessagePage | 1);

    // As a guest does: type last.
    private void FreeSlot() => Assert.True(_memory.TryWrite(new Gpa(Slot), new byte[4]));

    private void Write(ulong address, byte value) => Assert.True(_memory.TryWrite(new Gpa(address), [value]));

    private byte Byte(ulong address) => Bytes(address, 1)[0];

    private byte[] Bytes(ulong address, int count)
    {
        byte[] bytes = new byte[count];
        Assert.True(_memory.TryRead(new Gpa(address), bytes));
        return bytes;
    }
}

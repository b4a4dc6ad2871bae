using System.Buffers.Binary;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Machine.Tests.Guests;
using VmBus.Native.Linux;
using VmBus.TestKit.Kvm;
using Xunit;

namespace VmBus.Machine.Tests;

/// <summary>Messages, signals and event flags between the host and a guest on a real KVM.</summary>
[Trait("Needs", "Kvm")]
public sealed class KvmSynicTests
{
    private const ulong Post = 0x5C;
    private const ulong FastPost = 0x1_005C;
    private const ulong FastSignal = 0x1_005D;
    private const ulong SlowSignal = 0x5D;
    private const uint FlagReport = 0x1_0000;
    private const uint MessageReport = 0x2_0000;

    [KvmFact]
    public void Posted_message_reaches_the_sink_and_its_status_the_guest()
    {
        using var machine = GuestMachine.Create();
        machine.Write(GuestProgram.PostInput, PostInput(4, 1, [1, 2, 3, 4, 5]));
        machine.Run(new GuestProgram().EnableHypercalls()
            .Hypercall(Post, GuestProgram.PostInput)
            .Report(100)
            .Hypercall(Post, GuestProgram.PostInput)
            .PowerOff());
        Assert.Equal(0u, machine.NextReport());
        Assert.Equal(100u, machine.NextReport());
        Assert.Equal(0u, machine.NextReport());
        Assert.Equal(2, machine.Posts.Count);
        Assert.True(machine.Posts.TryDequeue(out (uint ConnectionId, uint Type, byte[] Payload) post));
        Assert.Equal((4u, 1u), (post.ConnectionId, post.Type));
        Assert.Equal([1, 2, 3, 4, 5], post.Payload);
    }

    [KvmFact]
    public void Malformed_posts_are_refused_before_the_sink()
    {
        using var machine = GuestMachine.Create();
        machine.Answer = HypercallStatus.InsufficientBuffers;
        machine.Write(GuestProgram.PostInput, PostInput(1, 1, new byte[240]));
        machine.Write(GuestProgram.PostInput + 0x100, PostInput(1, 1, [], statedBytes: 241));
        machine.Write(GuestProgram.PostInput + 0x200, PostInput(1, 0x8000_0010, []));
        machine.Run(new GuestProgram().EnableHypercalls()
            .Hypercall(Post, GuestProgram.PostInput)
            .Hypercall(FastPost, GuestProgram.PostInput)
            .Hypercall(Post, GuestProgram.PostInput + 4)
            .Hypercall(Post, GuestProgram.PostInput + 0xF08)
            .Hypercall(Post, 0xD000_0000)
            .Hypercall(Post, 0xFFFF_FFFF_FFFF_F000)
            .Hypercall(Post, GuestProgram.PostInput + 0x100)
            .Hypercall(Post, GuestProgram.PostInput + 0x200)
            .Hypercall(0x46, 0)
            .PowerOff());
        HypercallStatus[] answers = [.. Enumerable.Range(0, 9).Select(_ => (HypercallStatus)machine.NextReport())];
        Assert.Equal(
            [
                HypercallStatus.InsufficientBuffers, HypercallStatus.InvalidHypercallCode, HypercallStatus.InvalidAlignment,
                HypercallStatus.InvalidAlignment, HypercallStatus.InvalidParameter, HypercallStatus.InvalidParameter,
                HypercallStatus.InvalidParameter, HypercallStatus.InvalidParameter, HypercallStatus.InvalidHypercallCode,
            ],
            answers);
        Assert.Single(machine.Posts);
    }

    [KvmFact]
    public void Bound_signal_stays_in_the_kernel_and_others_reach_the_sink()
    {
        using var kick = EventFd.Create();
        using var machine = GuestMachine.Create();
        Assert.True(machine.Machine.Synic.TryBind(0x2001, kick));
        Assert.False(machine.Machine.Synic.TryBind(0x2001, kick));
        Assert.False(machine.Machine.Synic.TryBind(0x100_0000, kick));
        machine.Write(GuestProgram.PostInput, BitConverter.GetBytes(0x2001UL));
        machine.Write(GuestProgram.PostInput + 8, BitConverter.GetBytes(0x0003_0000_2001UL));
        machine.Run(new GuestProgram().EnableHypercalls()
            .Hypercall(FastSignal, 0x2001)
            .Hypercall(SlowSignal, GuestProgram.PostInput)
            .Hypercall(FastSignal, 0x2002)
            .Hypercall(FastSignal, 0x0007_0000_2001)
            .Hypercall(SlowSignal, GuestProgram.PostInput + 8)
            .Hypercall(FastSignal, 0x0001_0007_0000_2001)
            .Report(1)
            .Spin());
        Assert.Equal([0u, 0u, 18u, 18u, 18u, 3u, 1u], Enumerable.Range(0, 7).Select(_ => machine.NextReport()));
        Assert.Equal(2ul, kick.Drain());
        Assert.Equal([(0x2002u, (ushort)0), (0x2001u, (ushort)7), (0x2001u, (ushort)3)], machine.Signals);
        Assert.Equal(4, machine.Machine.Statistics.SignalEventHypercalls);
        machine.Machine.Synic.Unbind(0x2001);
        Assert.True(machine.Machine.Synic.TryBind(0x2001, kick));
    }

    [KvmFact]
    public void Raised_flag_interrupts_the_guest()
    {
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().EnableSynic().Report(1).WaitForInterrupts(), new GuestProgram().InterruptHandler());
        Assert.Equal(1u, machine.NextReport());
        for (uint flag = 1; flag < 20; flag++)
        {
            machine.Machine.Synic.Raise(0, flag);
            Assert.Equal(FlagReport + flag, machine.NextReport());
        }
    }

    [KvmFact]
    public void Flags_raised_while_the_controller_is_off_arrive_when_it_is_enabled()
    {
        using var machine = GuestMachine.Create();
        machine.Machine.Synic.Raise(0, 9);
        machine.Machine.Synic.Raise(0, 5);
        machine.Run(new GuestProgram().Report(1).EnableSynic().WaitForInterrupts(), new GuestProgram().InterruptHandler());
        Assert.Equal(1u, machine.NextReport());
        Assert.Equal(FlagReport + 5, machine.NextReport());
        Assert.Equal(FlagReport + 9, machine.NextReport());
    }

    [KvmFact]
    public void Flags_and_messages_sent_while_the_interrupt_is_masked_arrive_when_it_is_not()
    {
        const uint Source = 0x4000_0092;
        const ulong Masked = 0x1_0000 | GuestProgram.VmBusVector;
        using var machine = GuestMachine.Create(pump: true);
        GuestProgram guest = new GuestProgram().EnableSynic().WriteMsr(Source, Masked).ReportMsr(Source).WaitForWord(GuestProgram.PostInput)
            .Report(1).WriteMsr(Source, GuestProgram.VmBusVector).ReportMsr(Source).WaitForInterrupts();
        machine.Run(guest, new GuestProgram().InterruptHandler());
        Assert.Equal((uint)Masked, machine.NextReport());
        machine.Machine.Synic.Raise(0, 9);
        machine.Machine.Synic.PostMessage([3]);
        machine.Machine.Synic.PostMessage([4]);
        byte[] word = new byte[4];
        Assert.True(machine.Memory.TryRead(new(GuestProgram.EventPage + 512), word));
        Assert.Equal(new byte[4], word);
        Assert.True(machine.Memory.TryRead(new(GuestProgram.MessagePage + 512), word));
        Assert.Equal(new byte[4], word);
        machine.Write(GuestProgram.PostInput, [1]);
        uint[] reports = [.. Enumerable.Range(0, 5).Select(_ => machine.NextReport())];
        Assert.Equal([1u, GuestProgram.VmBusVector], reports[..2]);
        Assert.Equal([FlagReport + 9, MessageReport + 3, MessageReport + 4], reports[2..].Order());
    }

    [KvmFact]
    public async Task Vector_of_an_exception_is_refused_with_an_exception()
    {
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().Report(1).WriteMsr(0x4000_0092, 15).Report(2).Spin());
        Assert.Equal(1u, machine.NextReport());
        // The guest has no handler for it.
        Assert.Equal(MachineExit.Reset(ResetSource.TripleFault), await machine.ExitAsync());
    }

    [KvmFact]
    public void Queued_messages_arrive_in_order_by_end_of_message()
    {
        const int Count = 50;
        using var machine = GuestMachine.Create(pump: true);
        for (int i = 0; i < Count; i++) Assert.True(machine.Machine.Synic.PostMessage([(byte)i, 1, 2, 3]));
        Assert.True(machine.Machine.Synic.IsWaitingForSlot);
        machine.Run(new GuestProgram().EnableSynic().WaitForInterrupts(), new GuestProgram().InterruptHandler());
        for (uint i = 0; i < Count; i++) Assert.Equal(MessageReport + i, machine.NextReport());
        Assert.False(machine.Machine.Synic.IsWaitingForSlot);
    }

    [KvmFact]
    public void Page_that_moves_takes_flags_and_messages_with_it()
    {
        // The guest moves both pages by 0x8000; its handler still looks at the old ones, which must stay silent.
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().EnableSynic().EnableSynic(pageOffset: 0x8000).Report(1).Spin());
        machine.NextReport();
        machine.Machine.Synic.Raise(0, 3);
        machine.Machine.Synic.PostMessage([42]);
        byte[] word = new byte[1];
        Assert.True(machine.Memory.TryRead(new(GuestProgram.EventPage + 512), word));
        Assert.Equal(0, word[0]);
        Assert.True(machine.Memory.TryRead(new(GuestProgram.EventPage + 0x8000 + 512), word));
        Assert.Equal(8, word[0]);
        Assert.True(machine.Memory.TryRead(new(GuestProgram.MessagePage + 0x8000 + 512 + 16), word));
        Assert.Equal(42, word[0]);
    }

    [KvmFact]
    public void Pages_outside_memory_count_as_off()
    {
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().EnableSynic(pageOffset: 0xC000_0000).Report(1).Spin());
        machine.NextReport();
        machine.Machine.Synic.Raise(0, 3);
        Assert.True(machine.Machine.Synic.PostMessage([1]));
        Assert.True(machine.Machine.Synic.IsWaitingForSlot);
    }

    [KvmFact]
    public void Second_processor_starts_and_receives_messages_and_flags()
    {
        const ulong Trampoline = 0xB000;
        const ulong SecondProgram = 0x1C_0000;
        using var machine = GuestMachine.Create(processors: 2, pump: true);
        Synic synic = machine.Machine.Synic;
        machine.Write(Trampoline, Trampolines.ToLongMode(Trampoline, SecondProgram));
        machine.Write(
            SecondProgram, new GuestProgram().ReportMsr(0x4000_0002).EnableSynic().Report(2).WaitForInterrupts().Assemble(SecondProgram));
        Assert.False(synic.SetMessageTarget(2));
        Assert.True(synic.SetMessageTarget(1));
        for (byte i = 0; i < 10; i++) synic.PostMessage([i]);
        synic.Raise(1, 33);
        machine.Run(Trampolines.StartSecondProcessor(Trampoline).Spin(), new GuestProgram().InterruptHandler());
        Assert.Equal(1u, machine.NextReport());
        var reports = new List<uint>();
        for (int i = 0; i < 12; i++) reports.Add(machine.NextReport());
        Assert.Contains(2u, reports);
        Assert.Contains(FlagReport + 33, reports);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => MessageReport + (uint)i), reports.Where(r => r >= MessageReport));
        synic.Raise(1, 34);
        Assert.Equal(FlagReport + 34, machine.NextReport());
    }

    private static byte[] PostInput(uint connectionId, uint type, byte[] payload, uint? statedBytes = null)
    {
        byte[] input = new byte[256];
        BinaryPrimitives.WriteUInt32LittleEndian(input, connectionId);
        BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(8), type);
        BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(12), statedBytes ?? (uint)payload.Length);
        payload.CopyTo(input, 16);
        return input;
    }
}

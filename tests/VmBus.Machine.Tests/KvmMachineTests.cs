using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Machine.Devices;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Machine.Tests.Guests;
using VmBus.Memory.Guest;
using VmBus.TestKit.Kvm;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace VmBus.Machine.Tests;

/// <summary>The life of whole machines on a real KVM: how they start, what they report, how they end.</summary>
[Trait("Needs", "Kvm")]
public sealed class KvmMachineTests
{
    [KvmFact]
    public async Task Guest_that_switches_off_ends_the_machine()
    {
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().Report(7).PowerOff());
        Assert.Equal(7u, machine.NextReport());
        Assert.Equal(MachineExitKind.PowerOff, (await machine.ExitAsync()).Kind);
    }

    [KvmFact]
    public async Task Reset_register_ends_the_machine_and_another_runs_on_the_same_memory()
    {
        using var memory = GuestMemory.Create(16 << 20);
        using (var first = GuestMachine.Create(memory: memory))
        {
            first.Run(new GuestProgram().EnableSynic().WriteMsr(0x4000_0003, 1).Spin());
            Assert.Equal(MachineExit.Reset(ResetSource.ResetMsr), await first.ExitAsync());
        }

        using var second = GuestMachine.Create(memory: memory);
        second.Run(new GuestProgram().ReportMsr(0x4000_0080).ReportMsr(0x4000_0083).PowerOff());
        Assert.Equal(0u, second.NextReport());
        Assert.Equal(0u, second.NextReport());
        Assert.Equal(MachineExitKind.PowerOff, (await second.ExitAsync()).Kind);
    }

    [KvmFact]
    public async Task Triple_fault_is_a_reset()
    {
        var program = new GuestProgram();
        program.Code.ud2();
        using var machine = GuestMachine.Create();
        machine.Run(program);
        Assert.Equal(MachineExit.Reset(ResetSource.TripleFault), await machine.ExitAsync());
    }

    [KvmFact]
    public async Task Crash_report_carries_the_five_parameters_and_the_message()
    {
        const ulong TextAddress = 0x29_0000;
        byte[] text = Encoding.ASCII.GetBytes("Kernel panic\n\u001b[2Jnot syncing");
        using var machine = GuestMachine.Create();
        machine.Write(TextAddress, text);
        machine.Run(new GuestProgram()
            .ReportMsr(0x4000_0105)
            .WriteMsr(0x4000_0100, 11).WriteMsr(0x4000_0101, 22).WriteMsr(0x4000_0102, 33)
            .WriteMsr(0x4000_0103, TextAddress).WriteMsr(0x4000_0104, (ulong)text.Length)
            .ReportMsr(0x4000_0102)
            .WriteMsr(0x4000_0105, 3UL << 62)
            .Spin());
        MachineExit exit = await machine.ExitAsync();
        Assert.Equal(0u, machine.NextReport());
        Assert.Equal(33u, machine.NextReport());
        Assert.Equal(MachineExitKind.Crashed, exit.Kind);
        Assert.Equal((11UL, 22UL, 33UL, TextAddress, (ulong)text.Length), (exit.Crash!.P0, exit.Crash.P1, exit.Crash.P2, exit.Crash.P3, exit.Crash.P4));
        Assert.Equal("Kernel panic\n[2Jnot syncing", exit.Crash.Message);
    }

    [KvmFact]
    public async Task Guest_may_run_on_after_its_crash_report()
    {
        using var machine = GuestMachine.Create(stopOnCrash: false);
        machine.Run(new GuestProgram().WriteMsr(0x4000_0105, 1UL << 63).Report(5).PowerOff());
        Assert.Equal(MachineExitKind.PowerOff, (await machine.ExitAsync()).Kind);
        Assert.Equal(5u, machine.NextReport());
    }

    [KvmFact]
    public async Task Code_outside_memory_fails_with_the_registers()
    {
        var program = new GuestProgram();
        program.Code.mov(rax, 0xD000_1000UL);
        program.Code.jmp(rax);
        using var machine = GuestMachine.Create();
        machine.Run(program);
        MachineExit exit = await machine.ExitAsync();
        Assert.Equal(MachineExitKind.Failed, exit.Kind);
        Assert.Contains("d0001000", exit.Failure, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exit.Failure!);
    }

    [KvmFact]
    public async Task Unknown_ports_and_addresses_read_all_ones()
    {
        var program = new GuestProgram();
        program.Code.mov(dx, 0x777);
        program.Code.@in(eax, dx);
        program.ReportEax();
        program.Code.mov(rbx, 0xD000_0000UL);
        program.Code.mov(__dword_ptr[rbx], 1);
        program.Code.mov(eax, __dword_ptr[rbx]);
        program.ReportEax().PowerOff();
        using var machine = GuestMachine.Create();
        machine.Run(program);
        await machine.ExitAsync();
        Assert.Equal(uint.MaxValue, machine.NextReport());
        Assert.Equal(uint.MaxValue, machine.NextReport());
        MachineStatistics statistics = machine.Machine.Statistics;
        Assert.Equal(2, statistics.MemoryMappedExits);
        Assert.Equal(4, statistics.PortExits);
    }

    [KvmFact]
    public async Task String_instructions_move_every_element()
    {
        const ulong Buffer = 0x29_0000;
        var program = new GuestProgram();
        program.Code.mov(dx, GuestProgram.ReportPort);
        program.Code.mov(rdi, Buffer);
        program.Code.mov(ecx, 3);
        program.Code.rep.insd();
        program.Code.mov(rsi, Buffer + 4);
        program.Code.mov(ecx, 2);
        program.Code.rep.outsw();
        program.PowerOff();
        using var machine = GuestMachine.Create();
        machine.Run(program);
        await machine.ExitAsync();
        byte[] read = new byte[16];
        Assert.True(machine.Memory.TryRead(new Gpa(Buffer), read));
        Assert.Equal("44332211443322114433221100000000", Convert.ToHexStringLower(read));
        Assert.Equal(0x3344u, machine.NextReport());
        Assert.Equal(0x1122u, machine.NextReport());
    }

    [KvmFact]
    public void Stop_takes_a_spinning_and_a_sleeping_processor_out()
    {
        using var machine = GuestMachine.Create(processors: 2);
        machine.Run(new GuestProgram().Report(1).Spin());
        machine.NextReport();
        machine.Machine.Stop(MachineExit.Stopped);
        Assert.True(machine.Machine.Exited.IsCompletedSuccessfully);
    }

    [KvmFact]
    public async Task First_end_counts_and_a_machine_that_never_ran_ends_too()
    {
        using var machine = GuestMachine.Create();
        machine.Machine.Stop(MachineExit.Failed("first"));
        machine.Machine.Stop(MachineExit.Stopped);
        Assert.Equal("first", (await machine.ExitAsync()).Failure);
    }

    [KvmFact]
    public void Guest_sees_hyper_v_and_no_kvm()
    {
        var program = new GuestProgram();
        foreach (uint leaf in new uint[] { 1, 0x4000_0000, 0x4000_0003, 0x4000_0004, 0x4000_0005, 0x4000_0100 })
        {
            program.Code.mov(eax, leaf);
            program.Code.xor(ecx, ecx);
            program.Code.cpuid();
            program.Code.mov(esi, ebx);
            program.Code.mov(edi, ecx);
            program.ReportEax();
            program.Code.mov(eax, esi);
            program.ReportEax();
            program.Code.mov(eax, edi);
            program.ReportEax();
        }

        using var machine = GuestMachine.Create(processors: 3);
        machine.Run(program.PowerOff());
        uint[][] leaves = [.. Enumerable.Range(0, 6).Select(_ => new[] { machine.NextReport(), machine.NextReport(), machine.NextReport() })];
        Assert.Equal(3u << 16, leaves[0][1] & 0xFFFF_0000);
        Assert.Equal(1u << 31, leaves[0][2] & ((1u << 31) | (1 << 5)));
        Assert.Equal([0x4000_0005u, 0x7263_694Du, 0x666F_736Fu], leaves[1]);
        Assert.Equal([0x0AFFu, 0x30u, 0u], leaves[2]);
        Assert.Equal(0xE2Cu, leaves[3][0]);
        Assert.Equal(3u, leaves[4][0]);
        Assert.NotEqual(0x4B4D_564Bu, leaves[5][1]);
    }

    [KvmFact]
    public async Task Reference_time_page_is_valid_and_frequencies_are_known()
    {
        const ulong TimePage = 0x29_0000;
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().EnableHypercalls().WriteMsr(0x4000_0021, TimePage | 1).ReportMsr(0x4000_0023).ReportMsr(0x4000_0022).PowerOff());
        await machine.ExitAsync();
        byte[] sequence = new byte[4];
        Assert.True(machine.Memory.TryRead(new Gpa(TimePage), sequence));
        Assert.NotEqual(0, BitConverter.ToInt32(sequence));
        Assert.Equal(1_000_000_000u, machine.NextReport());
        Assert.NotEqual(0u, machine.NextReport());
    }

    [KvmFact]
    public void Kernel_statistics_count_exits_by_name()
    {
        using var machine = GuestMachine.Create();
        machine.Run(new GuestProgram().EnableHypercalls().Hypercall(0x1_005D, 0x99).Report(1).Spin());
        machine.NextReport();
        machine.NextReport();
        machine.Machine.Stop(MachineExit.Stopped);
        IReadOnlyDictionary<string, ulong> processor = machine.Machine.ReadKernelStatistics(0);
        Assert.Equal(2ul, processor["io_exits"]);
        Assert.Equal(1ul, processor["hypercalls"]);
        Assert.True(processor["exits"] >= 3);
        Assert.Contains("remote_tlb_flush", machine.Machine.ReadKernelStatistics().Keys);
    }

    [KvmFact]
    public void Fifty_machines_leave_nothing_behind()
    {
        using var memory = GuestMemory.Create(16 << 20);
        RunOne(memory);
        int files = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 50; i++) RunOne(memory);
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, files + 4);
        Assert.DoesNotContain(
            Directory.GetDirectories("/proc/self/task"),
            task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith("vcpu-1", StringComparison.Ordinal));

        static void RunOne(GuestMemory memory)
        {
            using var machine = KvmMachine.Create(new MachineOptions { ProcessorCount = 2 }, memory, new NoSink(), NullLogger.Instance);
            machine.Start(new BootState { Mode = BootMode.Protected32, InstructionPointer = 0x1000 });
        }
    }

    [KvmFact]
    public void Lines_and_synic_of_a_disposed_machine_do_nothing()
    {
        var machine = GuestMachine.Create();
        IInterruptLine line = machine.Machine.GetInterruptLine(4);
        line.Pulse();
        line.SetLevel(true);
        Synic synic = machine.Machine.Synic;
        machine.Dispose();
        line.Pulse();
        line.SetLevel(false);
        synic.Raise(0, 5);
        synic.Unbind(7);
        Assert.True(synic.PostMessage([1]));
        synic.Pump();
        Assert.False(synic.SetMessageTarget(0));
    }

    private sealed class NoSink : IHypercallSink
    {
        public HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload) => default;

        public HypercallStatus SignalEvent(uint connectionId, ushort flag) => default;
    }
}

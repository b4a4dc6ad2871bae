using Microsoft.Extensions.Logging;
using VmBus.Machine.Crash;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Machine.Ports;
using VmBus.Memory.Guest;
using VmBus.Native.Kvm;

namespace VmBus.Machine.Processors;

/// <summary>Answers the exits of virtual processors. One for all; every vCPU thread.</summary>
internal sealed class ExitDispatcher(
    MachineOptions options, GuestMemory memory, PortBus ports, MemoryBus registers, Synic synic, HypercallDispatcher hypercalls, ILogger logger)
{
    private readonly CrashRegisters _crash = new(memory);
    private readonly GuestLogLimiter _crashLines = new();
    private readonly GuestLogLimiter _refusals = new();

    /// <summary>Answers the exit on the vCPU's run page.</summary>
    /// <returns>How the machine ends, or null to run on.</returns>
    internal MachineExit? Answer(int processor, KvmVcpu vcpu, ProcessorCounters counters)
    {
        KvmRunPage run = vcpu.RunPage;
        switch (run.ExitReason)
        {
            case KvmConstant.KVM_EXIT_IO:
                counters.PortExits++;
                if (run.IoDirection == KvmConstant.KVM_EXIT_IO_OUT) ports.Write(run.IoPort, run.IoBytes, run.IoData);
                else ports.Read(run.IoPort, run.IoBytes, run.IoData);
                return null;
            case KvmConstant.KVM_EXIT_MMIO:
                counters.MemoryMappedExits++;
                if (run.MmioIsWrite) registers.Write(run.MmioAddress, run.MmioData);
                else registers.Read(run.MmioAddress, run.MmioData);
                return null;
            case KvmConstant.KVM_EXIT_HYPERV when run.HypervType == KvmConstant.KVM_EXIT_HYPERV_SYNIC:
                counters.SynicExits++;
                synic.Update(processor, run.SynicControl, run.SynicEventPage, run.SynicMessagePage);
                return null;
            case KvmConstant.KVM_EXIT_HYPERV when run.HypervType == KvmConstant.KVM_EXIT_HYPERV_HCALL:
                AnswerHypercall(run, counters);
                return null;
            case KvmConstant.KVM_EXIT_X86_RDMSR:
                counters.MsrExits++;
                run.MsrError = _crash.TryRead(run.MsrIndex, out ulong value) ? (byte)0 : (byte)1;
                run.MsrData = value;
                return null;
            case KvmConstant.KVM_EXIT_X86_WRMSR:
                counters.MsrExits++;
                if (run.MsrIndex == InterruptRouting.VmBusSourceMsr)
                {
                    run.MsrError = synic.TrySetSource(processor, run.MsrData) ? (byte)0 : (byte)1;
                    return null;
                }

                run.MsrError = _crash.TryWrite(run.MsrIndex, run.MsrData, out CrashReport? report) ? (byte)0 : (byte)1;
                return report is null ? null : Crashed(report);
            case KvmConstant.KVM_EXIT_SYSTEM_EVENT:
                return run.SystemEventType switch
                {
                    KvmConstant.KVM_SYSTEM_EVENT_SHUTDOWN => MachineExit.PowerOff,
                    KvmConstant.KVM_SYSTEM_EVENT_RESET => MachineExit.Reset(ResetSource.ResetMsr),
                    KvmConstant.KVM_SYSTEM_EVENT_CRASH => Crashed(_crash.Report(withMessage: false)),
                    uint type => Failed(processor, vcpu, $"KVM reported system event {type}"),
                };
            case KvmConstant.KVM_EXIT_SHUTDOWN:
                // A triple fault: what every PC answers with a reset, and the last way Linux reboots.
                return MachineExit.Reset(ResetSource.TripleFault);
            case KvmConstant.KVM_EXIT_INTR:
                counters.Interruptions++;
                return null;
            case KvmConstant.KVM_EXIT_INTERNAL_ERROR:
                return Failed(processor, vcpu, DescribeInternalError(run));
            case KvmConstant.KVM_EXIT_FAIL_ENTRY:
                return Failed(processor, vcpu, $"the processor refused to enter the guest, reason 0x{run.FailEntryReason:x}");
            default:
                return Failed(processor, vcpu, $"KVM returned with the unknown exit reason {run.ExitReason}");
        }
    }

    /// <summary>The end of a machine whose KVM_RUN failed.</summary>
    internal MachineExit Failed(int processor, KvmVcpu vcpu, string what)
        => MachineExit.Failed($"processor {processor}: {what}; {RegisterSummary.Describe(vcpu, memory)}");

    private static string DescribeInternalError(KvmRunPage run)
    {
        if (run.InternalSuberror != KvmConstant.KVM_INTERNAL_ERROR_EMULATION) return $"KVM met internal error {run.InternalSuberror}";
        bool hasBytes = run.InternalDataCount >= 3 && (run.EmulationFlags & KvmConstant.KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0;
        return hasBytes
            ? $"KVM cannot emulate the instruction {Convert.ToHexStringLower(run.EmulationInstruction)}"
            : "KVM cannot emulate an instruction";
    }

    private void AnswerHypercall(KvmRunPage run, ProcessorCounters counters)
    {
        ulong input = run.HypercallInput;
        ushort code = HypercallDispatcher.CodeOf(input);
        if (code == HypercallDispatcher.PostMessageCode) counters.PostMessageHypercalls++;
        else if (code == HypercallDispatcher.SignalEventCode) counters.SignalEventHypercalls++;
        else counters.OtherHypercalls++;

        HypercallStatus status = hypercalls.Dispatch(input, run.HypercallFirst, run.HypercallSecond, out int repeats);
        run.HypercallResult = (ulong)status | ((ulong)repeats << HypercallDispatcher.RepeatCountShift);
        if (status is not (HypercallStatus.Success or HypercallStatus.InsufficientBuffers) && _refusals.TryEnter(out long suppressed))
            MachineLog.HypercallRefused(logger, code, (ushort)status, suppressed);
    }

    private MachineExit? Crashed(CrashReport report)
    {
        if (_crashLines.TryEnter(out long suppressed))
            MachineLog.GuestCrashed(logger, report.P0, report.P1, report.P2, report.P3, report.P4, report.Message.Length, suppressed);
        return options.StopOnCrash ? MachineExit.Crashed(report) : null;
    }
}

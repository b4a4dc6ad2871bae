using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace VmBus.Machine.Tests.Guests;

/// <summary>Assembles tiny 64-bit guests that speak the Hyper-V interface and report through I/O ports.</summary>
internal sealed class GuestProgram
{
    internal const ulong PostInput = 0x30_0000;
    internal const ulong EventPage = 0x31_0000;
    internal const ulong MessagePage = 0x32_0000;
    internal const ulong HypercallPage = 0x33_0000;
    internal const byte VmBusVector = 0xF3;

    private const ulong SpuriousVectorRegister = 0xFEE0_00F0;

    internal const ushort ReportPort = 0x500;
    internal const ushort PowerPort = 0x600;

    internal GuestProgram() => Code = new Assembler(64);

    internal Assembler Code { get; }

    /// <summary>Writes an MSR.</summary>
    internal GuestProgram WriteMsr(uint index, ulong value)
    {
        Code.mov(ecx, index);
        Code.mov(eax, (uint)value);
        Code.mov(edx, (uint)(value >> 32));
        Code.wrmsr();
        return this;
    }

    /// <summary>Reports the value of EAX.</summary>
    internal GuestProgram ReportEax()
    {
        Code.mov(dx, ReportPort);
        Code.@out(dx, eax);
        return this;
    }

    /// <summary>Reports a constant: how far the program has come.</summary>
    internal GuestProgram Report(uint value)
    {
        Code.mov(eax, value);
        return ReportEax();
    }

    /// <summary>Reports the low half of an MSR.</summary>
    internal GuestProgram ReportMsr(uint index)
    {
        Code.mov(ecx, index);
        Code.rdmsr();
        return ReportEax();
    }

    /// <summary>Says who the guest is and has KVM fill the hypercall page.</summary>
    internal GuestProgram EnableHypercalls() => WriteMsr(0x4000_0000, 0x8100_0000_0000_0001).WriteMsr(0x4000_0001, HypercallPage | 1);

    /// <summary>Enables the local APIC, then the SynIC in Linux's order: message page, event page, SINT2, controller.</summary>
    internal GuestProgram EnableSynic(ulong pageOffset = 0)
    {
        Code.mov(rbx, SpuriousVectorRegister);
        Code.mov(__dword_ptr[rbx], 0x1FF);
        return WriteMsr(0x4000_0083, (MessagePage + pageOffset) | 1)
            .WriteMsr(0x4000_0082, (EventPage + pageOffset) | 1)
            .WriteMsr(0x4000_0092, VmBusVector)
            .WriteMsr(0x4000_0080, 1);
    }

    /// <summary>Makes a hypercall and reports the low half of its result.</summary>
    internal GuestProgram Hypercall(ulong input, ulong first)
    {
        Code.mov(rcx, input);
        Code.mov(rdx, first);
        Code.mov(r8, 0UL);
        Code.mov(rbx, HypercallPage);
        Code.call(rbx);
        return ReportEax();
    }

    /// <summary>Switches the machine off.</summary>
    internal GuestProgram PowerOff()
    {
        Code.mov(dx, PowerPort);
        Code.mov(eax, 0x1234);
        Code.@out(dx, eax);
        return Spin();
    }

    /// <summary>Waits until a word in memory is not zero.</summary>
    internal GuestProgram WaitForWord(ulong address)
    {
        Label here = Code.CreateLabel();
        Code.mov(rbx, address);
        Code.Label(ref here);
        Code.pause();
        Code.cmp(__dword_ptr[rbx], 0);
        Code.je(here);
        return this;
    }

    /// <summary>Runs for ever.</summary>
    internal GuestProgram Spin()
    {
        Label here = Code.CreateLabel();
        Code.Label(ref here);
        Code.jmp(here);
        return this;
    }

    /// <summary>Waits for interrupts for ever.</summary>
    internal GuestProgram WaitForInterrupts()
    {
        Label here = Code.CreateLabel();
        Code.sti();
        Code.Label(ref here);
        Code.hlt();
        Code.jmp(here);
        return this;
    }

    /// <summary>
    /// The handler of VMBus interrupts: reports every event flag below 64 as 0x10000 + flag and clears it, then takes the message in the slot
    /// (reporting 0x20000 + its first byte) as Linux does: copy, free, barrier, then end of message when one is pending; then ends the interrupt.
    /// </summary>
    internal GuestProgram InterruptHandler(bool takeMessages = true)
    {
        Label scan = Code.CreateLabel();
        Label noFlag = Code.CreateLabel();
        Label done = Code.CreateLabel();
        Code.push(rax);
        Code.push(rbx);
        Code.push(rcx);
        Code.push(rdx);
        Code.mov(rbx, EventPage + 512);
        Code.Label(ref scan);
        Code.bsf(rcx, __qword_ptr[rbx]);
        Code.je(noFlag);
        Code.@lock.btr(__qword_ptr[rbx], rcx);
        Code.lea(eax, __dword_ptr[rcx + 0x10000]);
        ReportEax();
        Code.jmp(scan);
        Code.Label(ref noFlag);
        if (takeMessages)
        {
            Code.mov(rbx, MessagePage + 512);
            Code.cmp(__dword_ptr[rbx], 0);
            Code.je(done);
            Code.movzx(eax, __byte_ptr[rbx + 16]);
            Code.add(eax, 0x20000);
            ReportEax();
            Code.mov(__dword_ptr[rbx], 0);
            Code.mfence();
            Code.test(__byte_ptr[rbx + 5], 1);
            Code.je(done);
            WriteMsr(0x4000_0084, 0);
        }

        Code.Label(ref done);
        Code.nop();
        WriteMsr(0x4000_0070, 0);
        Code.pop(rdx);
        Code.pop(rcx);
        Code.pop(rbx);
        Code.pop(rax);
        Code.iretq();
        return this;
    }

    /// <summary>The machine code at an address.</summary>
    internal byte[] Assemble(ulong address)
    {
        using var stream = new MemoryStream();
        Code.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }
}

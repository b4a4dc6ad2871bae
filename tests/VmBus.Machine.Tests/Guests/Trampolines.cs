using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace VmBus.Machine.Tests.Guests;

/// <summary>Starts a second processor by INIT and SIPI, and takes it from real mode to long mode.</summary>
internal static class Trampolines
{
    private const uint PageTables = 0x4000;
    private const ulong ApicCommandLow = 0xFEE0_0300;
    private const ulong ApicCommandHigh = 0xFEE0_0310;
    private const ushort Descriptors = 0x1000;
    private const int SecondStack = 0x2A_0000;

    /// <summary>What the first processor does: APIC on, INIT, SIPI to <paramref name="trampoline"/>, a page below 1 MiB.</summary>
    internal static GuestProgram StartSecondProcessor(ulong trampoline)
    {
        var program = new GuestProgram();
        Send(program.Code, 0x4500);
        Send(program.Code, 0x4600 | (uint)(trampoline >> 12));
        return program;
    }

    /// <summary>Real-mode code that enters long mode with the first processor's tables and jumps to <paramref name="target"/>.</summary>
    internal static byte[] ToLongMode(ulong trampoline, ulong target)
    {
        // The descriptors that lgdt and lidt read lie at the end of the page.
        ushort gdt = (ushort)(trampoline + 0xF00);
        ushort idt = (ushort)(trampoline + 0xF10);
        var real = new Assembler(16);
        real.cli();
        real.xor(ax, ax);
        real.mov(ds, ax);
        real.lgdt(__[gdt]);
        real.lidt(__[idt]);
        real.mov(eax, 0x20);
        real.mov(cr4, eax);
        real.mov(eax, PageTables);
        real.mov(cr3, eax);
        real.mov(ecx, 0xC000_0080);
        real.mov(eax, 0x100);
        real.xor(edx, edx);
        real.wrmsr();
        real.mov(eax, 0x8000_0011);
        real.mov(cr0, eax);
        byte[] page = new byte[4096];
        byte[] first = Assemble(real, trampoline);
        first.CopyTo(page, 0);

        // jmp 0x10:wide (operand size prefix, far jump, 32-bit offset, selector)
        uint wideAddress = (uint)trampoline + 0x100;
        page[first.Length] = 0x66;
        page[first.Length + 1] = 0xEA;
        BitConverter.TryWriteBytes(page.AsSpan(first.Length + 2), wideAddress);
        BitConverter.TryWriteBytes(page.AsSpan(first.Length + 6), (ushort)0x10);

        var wide = new Assembler(64);
        wide.mov(eax, 0x18);
        wide.mov(ds, ax);
        wide.mov(es, ax);
        wide.mov(ss, ax);
        wide.mov(rsp, SecondStack);
        wide.mov(rax, target);
        wide.jmp(rax);
        Assemble(wide, wideAddress).CopyTo(page, 0x100);

        WriteTable(page.AsSpan(0xF00), Descriptors, 0x1F);
        WriteTable(page.AsSpan(0xF10), 0x2000, 0xFFF);
        return page;
    }

    private static void WriteTable(Span<byte> destination, uint address, ushort limit)
    {
        BitConverter.TryWriteBytes(destination, limit);
        BitConverter.TryWriteBytes(destination[2..], address);
    }

    private static void Send(Assembler code, uint command)
    {
        code.mov(rbx, ApicCommandHigh);
        code.mov(__dword_ptr[rbx], 1 << 24);
        code.mov(rbx, ApicCommandLow);
        code.mov(__dword_ptr[rbx], command);
    }

    private static byte[] Assemble(Assembler code, ulong address)
    {
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Whoever is woken by a descriptor of its own cannot make its waker wait.</summary>
public sealed partial class SignalDescriptorTests
{
    private const int EFD_CLOEXEC = 0x80000;
    private const int F_GETFL = 3;
    private const int F_DUPFD_CLOEXEC = 1030;
    private const ulong Full = ulong.MaxValue - 1;

    [Fact]
    public void Each_signal_adds_one_to_an_eventfd()
    {
        using SafeFileHandle counter = Counter();
        using SignalDescriptor signal = SignalDescriptor.Take(Copy(counter));
        for (int i = 0; i < 5; i++) signal.Signal();
        Assert.Equal(5UL, Read(counter));
    }

    [Fact]
    public void Eventfd_whose_counter_is_full_does_not_hold_up_its_signaller_and_keeps_its_flags()
    {
        using SafeFileHandle counter = Counter();
        using SignalDescriptor signal = SignalDescriptor.Take(Copy(counter));
        Assert.Equal(sizeof(ulong), DescriptorIo.Write((int)counter.DangerousGetHandle(), BitConverter.GetBytes(Full)));

        var signaller = new Thread(signal.Signal) { IsBackground = true };
        signaller.Start();
        Assert.True(signaller.Join(TimeSpan.FromSeconds(30)));
        // Blocking still, for whoever reads it.
        Assert.Equal(0, fcntl(counter, F_GETFL, 0) & 0x800);
        Assert.True(Read(counter) >= Full);
        signal.Signal();
        Assert.Equal(1UL, Read(counter));
    }

    private static SafeFileHandle Counter() => new(eventfd(0, EFD_CLOEXEC), ownsHandle: true);

    private static int Copy(SafeFileHandle file) => fcntl(file, F_DUPFD_CLOEXEC, 0);

    private static ulong Read(SafeFileHandle counter)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        Assert.Equal(sizeof(ulong), DescriptorIo.Read((int)counter.DangerousGetHandle(), bytes));
        return BitConverter.ToUInt64(bytes);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command, int argument);
}

using Xunit;

namespace VmBus.Native.Tests;

/// <summary>A fact that needs a C compiler with the kernel's headers.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CompilerFactAttribute : FactAttribute
{
    public CompilerFactAttribute()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':');
        bool compiler = Array.Exists(folders, f => File.Exists(Path.Combine(f, "cc")));
        if (!compiler || !File.Exists("/usr/include/linux/kvm.h")) Skip = "Needs cc and the kernel's headers (Debian: gcc, linux-libc-dev).";
    }
}

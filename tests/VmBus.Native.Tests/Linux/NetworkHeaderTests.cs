using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Holds our copies of the numbers that TAPs and interfaces are driven with against the kernel's headers, by a C compiler's assertions.</summary>
public sealed class NetworkHeaderTests
{
    private const string Headers = """
        #include <stddef.h>
        #include <sys/ioctl.h>
        #include <linux/if.h>
        #include <linux/if_tun.h>
        #include <linux/filter.h>
        #include <linux/netlink.h>
        #include <linux/rtnetlink.h>
        """;

    [Theory]
    [InlineData(typeof(TunConstant))]
    [InlineData(typeof(RouteConstant))]
    public void Numbers_are_the_kernels(Type holder)
    {
        if (!File.Exists("/usr/include/linux/if_tun.h") || !File.Exists("/usr/bin/cc")) return;
        var source = new StringBuilder(Headers).AppendLine();
        foreach (FieldInfo constant in holder.GetFields(BindingFlags.Static | BindingFlags.Public).Where(field => field.IsLiteral))
            Check(source, constant.Name, Convert.ToInt64(constant.GetRawConstantValue(), CultureInfo.InvariantCulture));
        Check(source, "sizeof(struct ifreq)", TunConstant.InterfaceRequestBytes);
        Check(source, "offsetof(struct ifreq, ifr_flags)", TunConstant.IFNAMSIZ);
        Check(source, "sizeof(struct sock_filter)", 8);
        Check(source, "sizeof(struct sock_fprog)", 16);
        Check(source, "offsetof(struct sock_fprog, filter)", 8);
        Check(source, "sizeof(struct nlmsghdr)", 16);
        Check(source, "sizeof(struct ifinfomsg)", 16);
        Check(source, "offsetof(struct ifinfomsg, ifi_index)", 4);
        Check(source, "offsetof(struct ifinfomsg, ifi_flags)", 8);
        Check(source, "offsetof(struct ifinfomsg, ifi_change)", 12);
        Check(source, "sizeof(struct sockaddr_nl)", 12);
        Compile(source.ToString());
    }

    private static void Check(StringBuilder source, string expression, long value)
        => source.Append(CultureInfo.InvariantCulture, $"_Static_assert({expression} == {value}LL, \"{expression}\");\n");

    private static void Compile(string text)
    {
        var start = new ProcessStartInfo("cc", ["-fsyntax-only", "-x", "c", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using Process compiler = Process.Start(start)!;
        compiler.StandardInput.Write(text);
        compiler.StandardInput.Close();
        string errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, errors);
    }
}

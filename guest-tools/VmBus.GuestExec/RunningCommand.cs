using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>A command that runs, and this process's ends of what it reads and writes, all non-blocking. One thread.</summary>
internal sealed class RunningCommand : IDisposable
{
    private readonly PseudoTerminal? _terminal;

    private RunningCommand(SessionProcess process, PseudoTerminal? terminal, LinuxFile? input, LinuxFile output, LinuxFile? errorOutput)
    {
        Process = process;
        _terminal = terminal;
        Input = input;
        Output = output;
        ErrorOutput = errorOutput;
    }

    /// <summary>The program.</summary>
    public SessionProcess Process { get; }

    /// <summary>Whether it has a terminal, which is input and output at once.</summary>
    public bool HasTerminal => _terminal is not null;

    /// <summary>Where its input goes; null when it gets none.</summary>
    public LinuxFile? Input { get; }

    /// <summary>Where its output comes from.</summary>
    public LinuxFile Output { get; }

    /// <summary>Where its error output comes from; null with a terminal, which has one output.</summary>
    public LinuxFile? ErrorOutput { get; }

    /// <summary>Starts what a request asks for.</summary>
    /// <exception cref="ExecRefusedException">It cannot be started.</exception>
    public static RunningCommand Start(ExecRequest request, CommandSetting setting)
    {
        SessionProgram program = setting.Program(request.Arguments);
        try
        {
            return (request.Flags & ExecRequestFlags.Terminal) != 0 ? StartOnTerminal(request, setting, program) : StartOnPipes(request, program);
        }
        catch (LinuxException exception)
        {
            throw new ExecRefusedException(ExecErrorCode.Failed, exception.Message);
        }
    }

    /// <summary>Tells the terminal its size; without one nothing happens.</summary>
    public void Resize(ExecWindowSize size) => _terminal?.Resize(size.Rows, size.Columns);

    /// <summary>Closes what it reads and writes; with a terminal it gets SIGHUP by that.</summary>
    public void HangUp()
    {
        _terminal?.Dispose();
        Input?.Dispose();
        Output.Dispose();
        ErrorOutput?.Dispose();
    }

    /// <summary>Ends it, if it has not been waited for.</summary>
    public void Dispose()
    {
        HangUp();
        Process.Dispose();
    }

    private static RunningCommand StartOnTerminal(ExecRequest request, CommandSetting setting, SessionProgram program)
    {
        var terminal = PseudoTerminal.Create(setting.User.Id);
        try
        {
            terminal.Resize(request.Window.Rows, request.Window.Columns);
            SessionProcess process = Start(program with { Terminal = terminal.Path }, request.Arguments[0]);
            bool typed = (request.Flags & ExecRequestFlags.Input) != 0;
            return new RunningCommand(process, terminal, typed ? terminal.Near : null, terminal.Near, null);
        }
        catch
        {
            terminal.Dispose();
            throw;
        }
    }

    private static RunningCommand StartOnPipes(ExecRequest request, SessionProgram program)
    {
        List<DescriptorPipe> pipes = [];
        try
        {
            DescriptorPipe? input = (request.Flags & ExecRequestFlags.Input) != 0 ? Make(readHere: false) : null;
            DescriptorPipe output = Make(readHere: true), errorOutput = Make(readHere: true);
            SessionProcess process = Start(
                program with { Input = input?.Reader, Output = output.Writer, ErrorOutput = errorOutput.Writer }, request.Arguments[0]);
            // Each pipe ends with the last program that has it, and this is none.
            input?.Reader.Dispose();
            output.Writer.Dispose();
            errorOutput.Writer.Dispose();
            return new RunningCommand(process, null, input?.Writer, output.Reader, errorOutput.Reader);
        }
        catch
        {
            foreach (DescriptorPipe pipe in pipes) pipe.Dispose();
            throw;
        }

        DescriptorPipe Make(bool readHere)
        {
            var pipe = DescriptorPipe.Create(readHere);
            pipes.Add(pipe);
            return pipe;
        }
    }

    private static SessionProcess Start(SessionProgram program, string name) => SessionProcess.TryStart(program, out int errno)
        ?? throw new ExecRefusedException(
            errno switch
            {
                Errno.ENOENT => ExecErrorCode.NotFound,
                Errno.EACCES or Errno.ENOEXEC => ExecErrorCode.NotExecutable,
                _ => ExecErrorCode.Failed,
            },
            $"'{name}' cannot be run: {LinuxException.DescribeError(errno)}");
}

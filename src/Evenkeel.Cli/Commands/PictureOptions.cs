using System.CommandLine;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Cli.Commands;

/// <summary>The options that say what an ONNX file of somebody else does not: how its pictures are prepared.</summary>
internal sealed class PictureOptions
{
    private readonly Option<string?> _size = new("--size")
    {
        Description = "ONNX: height and width of the pictures, if the file takes any",
        HelpName = "HxW",
    };

    private readonly Option<string?> _mean = new("--mean")
    {
        Description = "ONNX: what is subtracted from values from 0 to 1, as 0.485,0.456,0.406",
        HelpName = "M,...",
    };

    private readonly Option<string?> _deviation = new("--std")
    {
        Description = "ONNX: what they are divided by then, as 0.229,0.224,0.225",
        HelpName = "S,...",
    };

    private readonly Option<string?> _classes = new("--classes")
    {
        Description = "ONNX: file with the name of a class per line (default: what the file says, or numbers)",
        HelpName = "FILE",
    };

    public void AddTo(Command command, bool withClasses = true)
    {
        command.Options.Add(_size);
        command.Options.Add(_mean);
        command.Options.Add(_deviation);
        if (withClasses) command.Options.Add(_classes);
    }

    public PictureChoice Of(ParseResult parse) => PictureChoice.Parse(
        parse.GetValue(_size), parse.GetValue(_mean), parse.GetValue(_deviation), parse.GetValue(_classes));
}

using System.CommandLine;

namespace Evenkeel.Cli.Commands;

/// <summary>The arguments and options of commands that change a network and write another.</summary>
internal static class Networks
{
    public static Argument<string> In() =>
        new("IN") { Description = "the folder of a run, the model.safetensors of one, or an ONNX file" };

    public static Argument<string> Out() => new("OUT")
    {
        Description = "its name says the format: .onnx, or .safetensors, which 'evenkeel predict' takes if IN is a run",
    };

    public static Option<string?> Data(string description) => new("--data")
    {
        Description = $"{description}; of the kind that the network was trained on, or an .npy file of its inputs",
        HelpName = "DATA",
    };

    public static Option<string?> Shape() => new("--shape")
    {
        Description = "shape of an input of an ONNX file that takes several sizes, as N,3,224,224",
        HelpName = "N,...",
    };

    public static Option<bool> Overwrite() => new("--overwrite") { Description = "replace OUT if it is there" };
}

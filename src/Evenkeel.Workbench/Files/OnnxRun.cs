using System.Text;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Workbench.Files;

/// <summary>An output of a graph that was run, and the file that has it.</summary>
/// <param name="Name">The name of the output.</param>
/// <param name="Type">Its type in NumPy's words.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Path">The file.</param>
internal sealed record OnnxOutput(string Name, string Type, Shape Shape, string Path);

/// <summary>Runs an ONNX file on arrays of NumPy.</summary>
internal static class OnnxRun
{
    private const int LongestName = 100;

    /// <summary>Runs a file, and writes each output into a file .npy.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="inputs">The inputs, as <see cref="OnnxInputs"/> takes them.</param>
    /// <param name="folder">Where the outputs go. It is made if it is missing.</param>
    /// <param name="cancellation">Stops before anything is written.</param>
    /// <exception cref="WorkbenchException">The file cannot be run, or the inputs are not those that it takes.
    /// </exception>
    public static IReadOnlyList<OnnxOutput> Run(
        string file, IReadOnlyList<string> inputs, string folder, CancellationToken cancellation)
    {
        (OnnxModel model, OnnxModule module) = OnnxFile.OpenNetwork(file);
        Tensor[] values = OnnxInputs.Read(model, inputs);
        if (File.Exists(folder))
            throw WorkbenchException.Usage($"--out: expected a folder, got \"{folder}\", which is a file.");
        cancellation.ThrowIfCancellationRequested();
        Value[] outputs;
        try
        {
            outputs = module.Execute(values);
        }
        catch (Exception failure) when (failure is InvalidOperationException || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }

        cancellation.ThrowIfCancellationRequested();
        return Write(module, outputs, folder);
    }

    private static List<OnnxOutput> Write(OnnxModule module, Value[] outputs, string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            var written = new List<OnnxOutput>();
            for (int i = 0; i < outputs.Length; i++)
            {
                string name = module.Outputs[i], free = SafeName(name);
                for (int number = 2; !taken.Add(free); number++) free = $"{SafeName(name)}_{number}";
                string path = Path.Combine(folder, free + ".npy");
                NumPyValue.Write(path, outputs[i]);
                written.Add(new OnnxOutput(name, NumPyValue.NameOf(outputs[i].Type.Name), outputs[i].Shape, path));
            }

            return written;
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>A name of an output as that of a file on any system: letters, digits, and . _ - inside.</summary>
    private static string SafeName(string name)
    {
        var safe = new StringBuilder();
        foreach (char c in name.Length <= LongestName ? name : name[..LongestName])
            safe.Append(char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' ? c : '_');
        string trimmed = safe.ToString().Trim('.');
        return trimmed.Length == 0 ? "output"
            // Windows keeps these names for devices.
            : trimmed.ToUpperInvariant() is "CON" or "PRN" or "AUX" or "NUL"
                || (trimmed.Length == 4 && trimmed[..3].ToUpperInvariant() is "COM" or "LPT")
                ? "_" + trimmed
                : trimmed;
    }
}

using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Lab;

/// <summary>Finds what is added by adding a file: one instance of every class derived from a base class.</summary>
internal static class Discovery
{
    private const string Rooted =
        "The command line roots this assembly (TrimmerRootAssembly): trimming keeps every class and constructor of it.";

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Rooted)]
    [UnconditionalSuppressMessage("Trimming", "IL2062", Justification = Rooted)]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = Rooted)]
    public static List<T> InstancesOf<T>()
        where T : class
    {
        var instances = new List<T>();
        foreach (Type type in typeof(Discovery).Assembly.GetTypes())
        {
            if (type.IsSubclassOf(typeof(T)) && !type.IsAbstract) instances.Add((T)Activator.CreateInstance(type)!);
        }

        return instances;
    }
}

using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Nn;

// The fields of every module are kept when a program is trimmed: Clone looks through them.
[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.AllFields)]
public abstract partial class Module
{
    /// <summary>
    /// A deep copy: a network of its own with the same values, whose training does not move this one. With <paramref name="substitute"/> some modules are replaced on the way.
    /// </summary>
    /// <remarks>
    /// <para>Copied are parameters, buffers, running statistics and modules, and what the fields of a module (a user's own too) hold of them: in arrays, lists, dictionaries, tuples, helper objects
    /// and delegates. What is one object in this network is one object in the copy: tied weights stay tied, a shared module stays shared. Element types and
    /// <see cref="Parameter.RequiresGradient"/> are kept; gradients and hooks are not copied. A random stream that a module keeps is copied where it stands. Objects that hold nothing of the network,
    /// such as a record of options, are shared with the copy.</para>
    /// <para>In a natively compiled program (AOT) the fields of helper classes may be hidden: there, keep modules in modules, arrays, lists and dictionaries.</para>
    /// </remarks>
    /// <param name="substitute">
    /// Called once for each module, parents first; what it returns stands in the copy wherever the module stood, as it is, and nothing below the replaced module is looked at. Null keeps the module.
    /// </param>
    /// <exception cref="InvalidOperationException">The type of a field, an array or a list does not admit a substitute, or a field holds modules in a way that cannot be copied; the text names the field and its type.</exception>
    public Module Clone(Func<Module, Module?>? substitute = null) =>
        new ModuleCopier(substitute is null ? null : (module, _) => substitute(module), sharesWeights: false).Copy(this);

    /// <summary>
    /// A copy as <see cref="Clone"/> makes it, but whose parameters share the memory of this network's: a replica for another thread. Gradients, running statistics and other buffers are its own.
    /// </summary>
    /// <remarks>The memory is shared until one of the two is converted with <see cref="To"/>.</remarks>
    public Module CloneSharingWeights() => new ModuleCopier(substitute: null, sharesWeights: true).Copy(this);

    /// <summary>The same module with the same fields but without hooks; what the fields hold is still the original's.</summary>
    internal Module CopyShell()
    {
        var shell = (Module)MemberwiseClone();
        shell._hooks = [];
        shell._predictTapes = null;
        shell._checkedNetwork = 0;
        return shell;
    }

    /// <summary>Replaces what is registered in a shell by its copies.</summary>
    internal void CopyRegistered(ModuleCopier copier)
    {
        (OrderedDictionary<string, Parameter> parameters, OrderedDictionary<string, StateBuffer> buffers, OrderedDictionary<string, Module> children) = (_parameters, _buffers, _children);
        (_parameters, _buffers, _children) = (new(StringComparer.Ordinal), new(StringComparer.Ordinal), new(StringComparer.Ordinal));
        if (_optionalBuffers is not null) _optionalBuffers = new HashSet<string>(_optionalBuffers, StringComparer.Ordinal);
        foreach ((string name, Parameter parameter) in parameters) _parameters.Add(name, copier.Copy(parameter));
        foreach ((string name, StateBuffer buffer) in buffers) _buffers.Add(name, copier.Copy(buffer));
        foreach ((string name, Module child) in children) _children.Add(name, copier.Copy(child));
    }
}

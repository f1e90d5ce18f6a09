// A page that was opened as a file says what to do: a browser lets it load nothing. This
// is no module, since a file cannot load one either.

if (location.protocol === "file:") {
  const note = document.createElement("p");
  note.className = "status wrong";
  note.id = "opened";
  note.setAttribute("role", "alert");
  note.textContent = "This page was opened as a file, and a browser then lets it compute " +
    "nothing. Serve its folder, python3 -m http.server does, and open the address that is printed.";
  document.querySelector("main").prepend(note);
}
